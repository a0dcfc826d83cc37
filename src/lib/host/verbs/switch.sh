# Points `current` to a release in one critical section: our epoch, the expected release, a complete target; intent first,
# dead-man's switch armed, one rename, result. Replies `unchanged` when the target is live already.
# The payload is the restart command, which the dead-man's switch runs when it has to go back.
open_run
restart=$(cat)
enter
require_lease
read_current
[ -n "$to" ] && is_staged "$to" || fail 13 "release $to is not on this host"
read_decision
[ "$decision" != reverted ] || fail 22 'this host took the release back by itself; nobody confirmed it in time'
if [ "$live" = "$to" ]; then
  [ "$(last_detail restarted)" != "$to" ] || printf 'restarted\n'
  if [ -z "$(last_detail intent)" ]; then
    # Somebody else brought it here: this run has nothing to take back.
    record intent "$to $to"
  elif [ -z "$decision" ] && [ -s "$state/runs/$run/armed" ]; then
    IFS= read -r line <"$state/runs/$run/armed"
    [ "$line" = "$boot" ] || [ "${seconds:-0}" -eq 0 ] || arm_dead_man
  fi
  printf 'unchanged\n'
  flush
  exit 0
fi
[ "$live" = "$from" ] || fail 12 "serves ${live:-nothing}, the plan expects ${from:-nothing}"
# Room for the way back, should the disk fill up.
[ -s "$state/ballast" ] || head -c 65536 /dev/zero | write_file "$state/ballast" || fail 15 "not enough space below $root"
if [ -n "$restart" ]; then
  printf '%s\n' "$restart" | write_file "$state/runs/$run/restart" || fail 18 "cannot write below $state/runs"
fi
# A rollout that moves this host settles what older ones left open here; a push stays resumable.
for other in "$state"/runs/*; do
  [ -f "$other/plan" ] && [ ! -f "$other/ended" ] && [ "${other##*/}" != "$run" ] || continue
  grep -q '"command":"push"' "$other/plan" || true >"$other/ended" || fail 18 "cannot write below $state/runs"
done
record intent "$from $to"
flush
[ "${seconds:-0}" -eq 0 ] || arm_dead_man
point_current "$to"
flush
record switched "$from $to"
flush
printf 'switched\n'

# Points `current` to a release in one critical section: our epoch, the expected release, a complete target; intent first,
# dead-man's switch armed, one rename, result. Replies `unchanged` when the target is live already.
# The payload is the restart command, which the dead-man's switch runs when it has to go back.
open_state
restart=$state/runs/$run/restart
mkdir -p "$state/runs/$run" && write_file "$restart" || fail 18 "cannot write below $state/runs"
enter
require_lease
read_current
[ -d "$root/releases/$to" ] && [ -f "$state/manifests/$to" ] || fail 13 "release $to is not on this host"
[ ! -f "$state/runs/$run/decision" ] || { IFS= read -r line <"$state/runs/$run/decision"; [ "$line" != reverted ] || fail 22 'this host took the release back by itself; nobody confirmed it in time'; }
if [ "$live" = "$to" ]; then
  grep -q " $run restarted" "$state/journal" 2>/dev/null && printf 'restarted\n'
  grep -q " $run intent" "$state/journal" 2>/dev/null || record intent "$from $to"
  printf 'unchanged\n'
  flush
  exit 0
fi
[ "$live" = "$from" ] || fail 12 "serves ${live:-nothing}, the plan expects ${from:-nothing}"
record intent "$from $to"
flush
[ "${seconds:-0}" -eq 0 ] || arm_dead_man
point_current "$to"
flush
record switched "$from $to"
flush
printf 'switched\n'

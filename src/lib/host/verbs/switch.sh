# Points `current` to a release in one critical section: our epoch, the expected release, a complete target; intent first,
# dead-man's switch armed where there is a way back, one rename, result. Replies `unchanged` when the target is live already.
# The payload is the restart command, which the dead-man's switch runs when it has to go back. With an instant it is what `appointment.sh`
# says, and `prepare` has left the restart command.
open_run
text=''
[ -n "$instant" ] || read_payload
# settle_older: a rollout that moves this host, or goes through its steps once more, settles what older ones left open here; a push stays resumable.
settle_older() {
  for other in "$state"/runs/*; do
    [ -f "$other/plan" ] && [ ! -f "$other/ended" ] && [ "${other##*/}" != "$run" ] || continue
    grep -q '"command":"push"' "$other/plan" || true >"$other/ended" || fail 18 "cannot write below $state/runs"
  done
}
enter
check_readiness
if [ "$live" = "$to" ]; then
  [ "$(last_detail restarted)" != "$to" ] || printf 'restarted\n'
  at=$(last_detail switched-at)
  [ -z "$at" ] || printf 'at %s\n' "$at"
  if [ -z "$(last_detail intent)" ]; then
    # Somebody else brought it here: this run has nothing to take back.
    settle_older
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
if [ -n "$instant" ]; then
  leave
  start_clock
  listen
  await_go
  enter
  check_readiness
  [ "$lease_left" -gt 0 ] || fail 11 'the lease has run out: whoever was to switch this host is silent'
  [ "$live" = "$from" ] || fail 12 "serves ${live:-nothing}, the plan expects ${from:-nothing}"
  seconds=$((${seconds:-0} + 3))
fi
lay_in
settle_older
record intent "$from $to"
flush
[ "${seconds:-0}" -eq 0 ] || ! is_home "$from" || arm_dead_man
make_link "$to"
[ -z "$instant" ] || await_instant
move_link
[ -z "$instant" ] || {
  read_time
  stamp=''
}
flush
record switched "$from $to"
if [ -n "$instant" ]; then
  record switched-at "$millis $instant"
  printf 'at %s %s\n' "$millis" "$instant"
fi
flush
printf 'switched\n'

# Ends a lease that somebody has looked at: this run's of this epoch and no other. kind=takeover ends one that is alive, too; whoever had it is
# fenced off by the epoch, as after any takeover.
[ -n "$run" ] && [ -n "$expect" ] || fail 19 'no run or epoch was given'
open_state
enter
read_epoch
read_lease
if [ -z "$lease_run" ]; then
  printf 'none\n'
  exit 0
fi
if [ "$lease_run" != "$run" ] || [ "$lease_epoch" != "$expect" ]; then
  print_lease
  fail 10 "leased by $lease_owner for run $lease_run"
fi
if [ "$lease_left" -gt 0 ] && [ "$kind" != takeover ]; then
  print_lease
  fail 10 "leased by $lease_owner for run $lease_run, which is alive"
fi
epoch=$((current_epoch + 1))
write_line_durably "$state/epoch" "$epoch" || fail 18 "cannot write $state/epoch"
rm -f "$state/lease" || fail 18 "cannot remove $state/lease"
record lease-ended "$owner: $reason"
flush
printf 'ended\n'

# Gives the lease back. kind=ended also closes the run: nothing of it is left to resume on this host.
open_state
enter
read_epoch
read_lease
if [ "$kind" = ended ] && [ -d "$state/runs/$run" ] && [ "$current_epoch" = "$epoch" ]; then
  record ended "$detail"
  : >"$state/runs/$run/ended"
fi
if [ "$lease_run" = "$run" ] && [ "$lease_epoch" = "$epoch" ]; then
  rm -f "$state/lease" || fail 18 "cannot remove $state/lease"
elif [ -n "$lease_run" ] && [ -n "$epoch" ]; then
  print_lease
  fail 11 'the lease is not ours any more'
fi
flush

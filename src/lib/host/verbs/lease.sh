# Takes the lease for a run and raises the epoch; the payload is the run's plan. A live lease of another run is refused;
# the same run may take over from its own dead controller at once, because the epoch fences that one off.
open_state
mkdir -p "$state/runs/$run" || fail 18 "cannot write below $state/runs"
cat >"$state/runs/$run/plan.tmp.$$" || fail 18 "cannot write below $state/runs"
enter
read_epoch
read_lease
if [ -n "$lease_run" ] && [ "$lease_run" != "$run" ] && [ "$lease_left" -gt 0 ]; then
  rm -f "$state/runs/$run/plan.tmp.$$"
  [ -f "$state/runs/$run/plan" ] || rmdir "$state/runs/$run" 2>/dev/null
  print_lease
  fail 10 "leased by $lease_owner for run $lease_run"
fi
if [ -n "$from$event" ]; then
  read_current
  if [ "$live" != "$from" ] && [ "$live" != "$to" ]; then
    rm -f "$state/runs/$run/plan.tmp.$$"
    fail 12 "serves ${live:-nothing}, the plan expects ${from:-nothing}"
  fi
fi
if [ -s "$state/runs/$run/plan.tmp.$$" ]; then
  mv -f "$state/runs/$run/plan.tmp.$$" "$state/runs/$run/plan" || fail 18 "cannot write below $state/runs"
else
  rm -f "$state/runs/$run/plan.tmp.$$"
fi
rm -f "$state/runs/$run/ended"
epoch=$((current_epoch + 1))
printf '%s\n' "$epoch" | write_file "$state/epoch" || fail 18 "cannot write $state/epoch"
write_lease
record leased "$owner"
flush
printf 'epoch %s\n' "$epoch"

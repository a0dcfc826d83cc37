# Takes the lease for a run and raises the epoch; the payload is the run's plan. A live lease of another run is refused;
# the same run may take over from its own dead controller at once, because the epoch fences that one off.
open_run
[ -n "$ttl" ] || fail 19 'no ttl was given'
plan=$state/runs/$run/plan
cat >"$plan.tmp.$$" || fail 18 "cannot write below $state/runs"
# refuse STATUS WORDS…: leaves no trace of a run that may not begin.
refuse() {
  rm -f "$plan.tmp.$$"
  rmdir "$state/runs/$run" 2>/dev/null
  fail "$@"
}
enter
read_epoch
read_lease
if [ -n "$lease_run" ] && [ "$lease_run" != "$run" ] && [ "$lease_left" -gt 0 ]; then
  print_lease
  refuse 10 "leased by $lease_owner for run $lease_run"
fi
if [ -n "$from$event" ]; then
  judge_current
  [ -z "$unsafe" ] || refuse 17 "$unsafe"
  [ "$live" = "$from" ] || [ "$live" = "$to" ] || refuse 12 "serves ${live:-nothing}, the plan expects ${from:-nothing}"
fi
if [ -s "$plan.tmp.$$" ]; then
  mv -f "$plan.tmp.$$" "$plan" || fail 18 "cannot write below $state/runs"
fi
rm -f "$plan".tmp.* "$state/runs/$run/ended"
epoch=$((current_epoch + 1))
printf '%s\n' "$epoch" | write_durably "$state/epoch" || fail 18 "cannot write $state/epoch"
write_lease
record leased "$owner"
flush
printf 'epoch %s\n' "$epoch"

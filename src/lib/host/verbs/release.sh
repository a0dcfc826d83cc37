# Gives the lease back. kind=ended also closes the run: nothing of it is left to resume on this host.
open_state
# give_plan_back: a reviewed plan that came to nothing may be taken up again, as long as nobody leases the host in between.
give_plan_back() {
  [ -f "$state/runs/$run/token" ] && [ -z "$(last_detail intent)" ] && [ ! -e "$state/runs/$run/once-before/started" ] || return 0
  IFS= read -r token <"$state/runs/$run/token"
  IFS=' ' read -r by at again line <"$state/plans/$token" || return 0
  [ "$by" != "$run" ] || write_line_durably "$state/plans/$token" "$by $at $current_epoch $line" || :
}
enter
if [ -z "$epoch" ]; then
  # A run that never held the lease of this host, or has given it back, leaves nothing to resume here.
  read_lease
  [ "$lease_run" != "$run" ] || fail 11 'the run holds the lease of this host'
  [ -f "$state/runs/$run/plan" ] && [ ! -f "$state/runs/$run/ended" ] || exit 0
  record ended "$detail"
  # It was leased last by this run, then, and was not touched. Before the run is closed, as below.
  read_epoch
  [ "$detail" != refused ] || [ "$current_epoch" != "$(awk -v run="$run" '$3 == run && $4 == "leased" {last = $2} END {print last}' "$state/journal")" ] ||
    give_plan_back
  true >"$state/runs/$run/ended" || fail 18 "cannot write below $state/runs"
  exit 0
fi
if is_holder; then
  mine=yes
else
  mine=no
fi
if [ "$kind" = ended ] && [ -d "$state/runs/$run" ] && [ "$current_epoch" = "$epoch" ] && [ ! -f "$state/runs/$run/ended" ]; then
  record ended "$detail"
  # Before the run is closed: who is killed in between comes again, but not to a run that is closed.
  [ "$detail" != refused ] || give_plan_back
  true >"$state/runs/$run/ended" || fail 18 "cannot write below $state/runs"
fi
if [ "$mine" = yes ]; then
  rm -f "$state/lease" || fail 18 "cannot remove $state/lease"
elif [ -n "$lease_run" ]; then
  print_lease
  fail 11 'the lease is not ours any more'
fi
flush

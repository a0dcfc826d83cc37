# Takes the lease for a run and raises the epoch; the payload is the run's plan. A live lease of another run is refused;
# the same run may take over from its own dead controller at once, because the epoch fences that one off.
[ -n "$run" ] || fail 19 'no run was given'
[ -n "$ttl" ] || fail 19 'no ttl was given'
open_state
text=$(cat)
plan=$state/runs/$run/plan
# refuse STATUS WORDS…: leaves no trace of a run that may not begin.
refuse() {
  rmdir "$state/runs/$run" 2>/dev/null
  fail "$@"
}
# is_idle RUN: it leased this host last, and never began to change anything here.
is_idle() {
  [ ! -e "$state/runs/$1/once-before/started" ] || return 1
  idle=$(awk -v run="$1" '$3 == run && $4 ~ /^(leased|lease-ended)$/ {last = $2} $3 == run && $4 == "intent" {moved = 1} END {print moved ? "" : last}' "$state/journal")
  [ "$idle" = "$current_epoch" ]
}
# take_up_plan: a reviewed plan (its nonce is `token`) is taken up once, by a host that nobody leased since it was made. A run that gave it back
# without a change has left the epoch from which it may be taken up again; one that could not say so any more, and did nothing, stands in nobody's way.
take_up_plan() {
  mkdir -p "$state/plans" || fail 18 "cannot create $state/plans"
  by='' at='' again=-
  [ ! -f "$state/plans/$token" ] || IFS=' ' read -r by at again line <"$state/plans/$token"
  [ "$by" != "$run" ] || [ "$again" != - ] || return 0
  [ -z "$by" ] || [ "$again" != - ] || ! is_idle "$by" || again=$current_epoch
  [ -z "$by" ] || [ "$again" != - ] || refuse 26 "the plan was applied at $at by $line (run $by)"
  [ "$again" = - ] || expect=$again
  [ "$current_epoch" = "$expect" ] || refuse 27 "leased since the plan was made: epoch $current_epoch, not $expect"
  [ "$live" = "$from" ] || refuse 27 "serves ${live:-nothing}, the plan expects ${from:-nothing}"
  write_line "$state/runs/$run/token" "$token" || refuse 18 "cannot write below $state/runs"
  read_stamp
  write_line_durably "$state/plans/$token" "$run $stamp - $owner" || refuse 18 "cannot write below $state/plans"
}
enter
read_epoch
read_lease
if [ -n "$lease_run" ] && [ "$lease_run" != "$run" ] && [ "$lease_left" -gt 0 ]; then
  print_lease
  fail 10 "leased by $lease_owner for run $lease_run"
fi
for other in "$state"/runs/*/once-*; do
  case $other in "$state/runs/$run/"* | *.*[0-9]) continue ;; esac
  judge_task "$other"
  [ "$task" = running ] || continue
  other=${other#"$state/runs/"}
  printf 'lease-run %s\nlease-owner its task once.%s, which is still at work,\nlease-reason \nlease-left 0\n' "${other%%/*}" "${other##*/once-}"
  fail 10 "the task once.${other##*/once-} of run ${other%%/*} is still at work"
done
if [ -n "$from$event" ]; then
  judge_current
  [ -z "$unsafe" ] || fail 17 "$unsafe"
  [ "$live" = "$from" ] || [ "$live" = "$to" ] || fail 12 "serves ${live:-nothing}, the plan expects ${from:-nothing}"
fi
if [ -n "$to" ] && [ "$live" != "$to" ] && [ "$kind" != allow-pinned ] && [ -f "$state/pins/$to" ]; then
  IFS= read -r line <"$state/pins/$to"
  case $line in
    *" $run "*) ;;
    *) fail 28 "release $to was taken back here and is pinned out" ;;
  esac
fi
# What goes back may do so on a full disk.
if [ -e "$state/ballast" ]; then
  case $text in
    *'"command":"rollback"'*) rm -f "$state/ballast" ;;
    *) [ -z "$(last_detail intent)" ] || rm -f "$state/ballast" ;;
  esac
fi
[ -d "$state/runs/$run" ] || mkdir -p "$state/runs/$run" || fail 18 "cannot write below $state/runs"
[ -z "$token" ] || take_up_plan
[ -z "$text" ] || write_line "$plan" "$text" || fail 18 "cannot write below $state/runs"
drop "$plan".tmp.* "$state/runs/$run/ended"
epoch=$((current_epoch + 1))
write_line_durably "$state/epoch" "$epoch" || fail 18 "cannot write $state/epoch"
read_stamp
write_lease "$stamp"
record leased "$owner"
[ -z "$detail" ] || record unsafe "$detail"
flush
printf 'epoch %s\n' "$epoch"

# The plan that a run left on this host: enough for any machine to resume it.
[ -n "$run" ] && [ -f "$state/runs/$run/plan" ] || fail 13 "run $run left no plan on this host"
cat "$state/runs/$run/plan"

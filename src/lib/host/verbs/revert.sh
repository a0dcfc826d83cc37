# Takes this run's change on this host back: to what the host's own journal recorded before it. Replies with the release that is live then.
open_state
enter
require_lease
read_current
last=$(grep " $run intent " "$state/journal" 2>/dev/null | tail -n 1)
if [ -z "$last" ]; then
  printf 'unchanged\nlive %s\n' "$live"
  exit 0
fi
line=${last##* intent }
from=${line%% *}
to=${line##* }
printf 'from %s\nto %s\n' "$to" "$from"
printf 'reverted\n' >"$state/runs/$run/decision"
if [ "$live" = "$from" ]; then
  printf 'unchanged\nlive %s\n' "$live"
  flush
  exit 0
fi
[ "$live" = "$to" ] || fail 12 "serves ${live:-nothing}, neither $to nor ${from:-nothing}"
[ -z "$from" ] || { [ -d "$root/releases/$from" ] && [ -f "$state/manifests/$from" ]; } || fail 13 "release $from is not on this host any more"
record reverting "$to $from"
flush
point_current "$from"
flush
record reverted "$to $from"
flush
printf 'live %s\n' "$from"

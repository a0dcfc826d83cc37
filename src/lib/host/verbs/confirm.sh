# The release is good on this host: the dead-man's switch is called off, for good, and a pin on it is lifted. Fails when it has fired before.
# With a detail, the release that was left (`from`) is pinned out for that reason.
open_run
enter
require_lease
read_decision
[ "$decision" != reverted ] || fail 22 'this host took the release back by itself; nobody confirmed it in time'
read_current
[ -n "$to" ] && [ "$live" = "$to" ] || fail 12 "serves ${live:-nothing}, not $to"
if [ "$decision" = confirmed ] && [ "$(last_detail confirmed)" = "$to" ]; then
  printf 'unchanged\n'
  exit 0
fi
[ -z "$detail" ] || [ -z "$from" ] || write_pin "$from" || fail 18 "cannot write below $state/pins"
drop "$state/pins/$to"
decide confirmed
record confirmed "$to"
flush

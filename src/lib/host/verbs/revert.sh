# Takes this run's change on this host back: to what the host's own journal recorded before it, or, where nobody had ever proved that, to what was
# proven here last. Replies with the release that is live then.
# With a detail, what is left is pinned out for that reason.
open_run
enter
require_lease
read_current
line=$(last_detail intent)
if [ -z "$line" ]; then
  printf 'unchanged\nlive %s\n' "$live"
  exit 0
fi
from=${line%% *}
to=${line##* }
if [ "$from" != "$to" ]; then
  find_home "$from" "$to" || fail 13 "release $from was never healthy here, and no other one was: there is nothing to go back to"
  from=$home
fi
# A full disk must not keep a host on a bad release.
rm -f "$state/ballast"
decide reverted
if [ "$from" = "$to" ]; then
  printf 'unchanged\nlive %s\n' "$live"
  flush
  exit 0
fi
# A pin that cannot be written must not keep a host on a bad release.
[ -z "$detail" ] || write_pin "$to" || :
printf 'from %s\nto %s\n' "$to" "$from"
if [ "$live" = "$from" ]; then
  [ -n "$(last_detail reverted)" ] || record reverted "$to $from"
  printf 'unchanged\nlive %s\n' "$live"
  flush
  exit 0
fi
[ "$live" = "$to" ] || fail 12 "serves ${live:-nothing}, neither $to nor ${from:-nothing}"
[ -z "$from" ] || is_staged "$from" || fail 13 "release $from is not on this host any more"
write_record reverting "$to $from"
flush
point_current "$from"
flush
record reverted "$to $from"
flush
printf 'live %s\n' "$from"

# Takes a damaged release away, so that it can be staged anew; never the live one.
open_state
[ -n "$id" ] || fail 19 'no release was given'
enter
read_current
[ "$live" != "$id" ] || fail 17 "release $id is live"
rm -f "$state/manifests/$id" "$state/manifests/$id.links" "$state/manifests/$id.seal"
remove_tree "$root/releases/$id"
record discarded "$id"
flush

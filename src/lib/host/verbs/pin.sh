# Pins a release out that this run had not brought here yet: it turned out bad elsewhere.
[ -n "$to" ] && [ -n "$detail" ] || fail 19 'no release or reason was given'
open_state
enter
require_lease
[ ! -f "$state/pins/$to" ] || exit 0
write_pin "$to" || fail 18 "cannot write below $state/pins"
record pinned "$to"
flush

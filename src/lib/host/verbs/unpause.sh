# The worker takes work up again: nobody has to resume it any more.
open_state
enter
require_lease
[ -f "$state/pause/by" ] || exit 0
rm -f "$state/pause/by" "$state/pause/resume" || fail 18 "cannot remove $state/pause/by"
record resumed
flush

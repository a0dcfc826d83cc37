# The worker takes work up again: nobody has to resume it any more. With kind=leaving: it is about to, and keeps nothing paused for others from here on.
open_state
enter
require_lease
[ -f "$state/pause/by" ] || exit 0
if [ "$kind" = leaving ]; then
  true >"$state/pause/leaving" || fail 18 "cannot write below $state/pause"
  exit 0
fi
rm -f "$state/pause/by" "$state/pause/resume" "$state/pause/leaving" || fail 18 "cannot remove $state/pause/by"
record resumed
flush

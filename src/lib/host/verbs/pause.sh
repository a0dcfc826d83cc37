# Notes that a worker is about to be paused, and how it is resumed (the payload), on the disk before anything is paused. A keeper resumes the
# worker by itself when nobody answers for this host any more.
open_run
[ -d "$state/pause" ] || mkdir "$state/pause" || [ -d "$state/pause" ] || fail 18 "cannot create $state/pause"
resume=$(cat)
# Whoever pauses or resumes right now ends first.
command -v flock >/dev/null 2>&1 || fail 16 'flock is missing; install util-linux or BusyBox'
command exec 8>>"$state/pause/lock" || fail 18 "cannot write below $state/pause"
tries=0
until flock -n 8; do
  tries=$((tries + 1))
  [ "$tries" -lt 450 ] || fail 21 "$state/pause/lock is held by another process"
  sleep 0.1 2>/dev/null || sleep 1
done
enter
require_lease
token=$boot.$now.$$
rm -f "$state"/pause/*.tmp.* "$state/pause/leaving"
printf '%s\n' "$resume" | write_durably "$state/pause/resume" &&
  printf '%s\n' "$DROVER_PAUSE_KEEPER" | write_file "$state/pause/keeper.sh" &&
  printf '%s %s %s\n' "$run" "$epoch" "$token" | write_durably "$state/pause/by" || fail 18 "cannot write below $state/pause"
record paused
flush
if command -v setsid >/dev/null 2>&1; then detach='setsid'; else detach='nohup'; fi
$detach /bin/sh "$state/pause/keeper.sh" "$root" "$run" "$epoch" "$token" "$app" "${seconds:-0}" "$kind" </dev/null >/dev/null 2>&1 8>&- 9>&- &
printf 'noted\n'

# Runs the payload, an operator's command, with a deadline; its output is the reply's body, its exit status follows as
# `hook-status N`. It runs in its own session, so that the deadline ends everything it started.
work=$(mktemp -d "${TMPDIR:-/tmp}/drover.XXXXXX") || fail 18 "cannot write to ${TMPDIR:-/tmp}"
cat >"$work/command"
if [ -n "$epoch" ]; then
  open_state
  enter
  require_lease
  exec 9>&-
fi
if [ -n "$cwd" ]; then
  case $cwd in '~/'*) cwd=$HOME/${cwd#??} ;; esac
  cd "$cwd" 2>/dev/null || { rm -rf "$work"; fail 13 "folder $cwd is not on this host"; }
else
  cd "$HOME" 2>/dev/null || cd / || exit 18
fi
DROVER_APP=$app DROVER_ROOT=$root DROVER_RELEASE=$to DROVER_PREVIOUS=$from DROVER_RUN=$run
export DROVER_APP DROVER_ROOT DROVER_RELEASE DROVER_PREVIOUS DROVER_RUN
umask 022
trap - HUP PIPE
mkfifo "$work/out" || fail 18 "cannot write to $work"
limit=${max:-65536}
# Everything past the limit is read and dropped, so that a flood neither blocks the command nor fills the disk.
{ head -c "$limit"; cat >/dev/null; } <"$work/out" >"$work/kept" &
reader=$!
if command -v setsid >/dev/null 2>&1; then
  setsid /bin/sh "$work/command" </dev/null >"$work/out" 2>&1 &
else
  /bin/sh "$work/command" </dev/null >"$work/out" 2>&1 &
fi
child=$!
(
  left=${seconds:-60}
  while [ "$left" -gt 0 ] && kill -0 "$child" 2>/dev/null; do
    sleep 1
    left=$((left - 1))
  done
  if kill -0 "$child" 2>/dev/null; then
    : >"$work/late"
    kill -TERM "-$child" 2>/dev/null || kill -TERM "$child"
    sleep 2
    kill -KILL "-$child" 2>/dev/null || kill -KILL "$child"
  fi
) </dev/null >/dev/null 2>&1 &
watcher=$!
wait "$child"
status=$?
kill "$watcher" 2>/dev/null
# A daemon that the command left behind may hold the pipe: what was printed so far is enough.
tries=0
while kill -0 "$reader" 2>/dev/null && [ "$tries" -lt 10 ]; do
  sleep 0.05 2>/dev/null || sleep 1
  tries=$((tries + 1))
done
if [ -n "$epoch" ] && [ -n "$event" ] && [ "$status" = 0 ] && [ ! -f "$work/late" ]; then
  umask 077
  record "$event" "$to"
fi
printf 'hook-status %s\n' "$status"
[ ! -f "$work/late" ] || printf 'hook-late %s\n' "${seconds:-60}"
printf 'output\n'
cat "$work/kept"
rm -rf "$work"

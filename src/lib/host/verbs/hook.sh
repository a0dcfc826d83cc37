# Runs the payload, an operator's command, with a deadline; its output is the reply's body, its exit status follows as
# `hook-status N`. It runs in its own session, so that the deadline ends everything it started.
work=$(mktemp -d "${TMPDIR:-/tmp}/drover.XXXXXX") || fail 18 "cannot write to ${TMPDIR:-/tmp}"
trap 'status=$?; trap "" EXIT; rm -rf "$work"; printf "\ndrover %s end %s\n" "$nonce" "$status"' EXIT
cat >"$work/command" && mkfifo "$work/out" || fail 18 "cannot write to $work"
if [ -n "$epoch" ]; then
  open_state
  enter
  require_lease
  leave
fi
if [ -n "$cwd" ]; then
  case $cwd in \~/*) cwd=$HOME/${cwd#??} ;; esac
  cd "$cwd" 2>/dev/null || fail 13 "folder $cwd is not on this host"
else
  cd "$HOME" 2>/dev/null || cd / || exit 18
fi
limit=${max:-65536}
deadline=${seconds:-60}

# All is read, so that a flood neither blocks the command nor fills the disk. Our own end of the pipe serves for a mark after the command's
# last byte. The first `limit` bytes are written down as they come, so that they are there even when a daemon keeps the pipe open; of what is
# more the end is kept.
command exec 7<>"$work/out" 6<"$work/out" || fail 18 "cannot write to $work"
true >"$work/kept" && true >"$work/tail" || fail 18 "cannot write to $work"
{
  (
    # shellcheck disable=SC3045 # dash, bash and ash have it
    ulimit -c 0
    ulimit -f $((limit / 512 + 2))
    exec cat
  ) >"$work/kept"
  tail -c 16384 >"$work/tail"
} <&6 >/dev/null 2>&1 6<&- 7>&- &
reader=$!
command exec 6<&-
(
  umask 022
  trap - HUP PIPE
  DROVER_APP=$app DROVER_ROOT=$root DROVER_RELEASE=$to DROVER_PREVIOUS=$from DROVER_RUN=$run
  export DROVER_APP DROVER_ROOT DROVER_RELEASE DROVER_PREVIOUS DROVER_RUN
  unset LC_ALL
  [ -z "$outer_locale" ] || export LC_ALL="$outer_locale"
  if command -v setsid >/dev/null 2>&1; then exec setsid /bin/sh "$work/command"; fi
  exec /bin/sh "$work/command"
) </dev/null >"$work/out" 2>&1 7>&- &
child=$!

# end_session SIGNAL: the command's group, and whatever else of its session has a group of its own.
end_session() {
  kill "-$1" "-$child" 2>/dev/null || kill "-$1" "$child" 2>/dev/null
  cat /proc/[0-9]*/stat 2>/dev/null | awk -v session="$child" '{pid = $1; sub(/^.*\) /, ""); if ($4 == session) print pid}' | while read -r member; do
    kill "-$1" "$member" 2>/dev/null
  done
}
(
  left=$deadline
  while [ "$left" -gt 0 ]; do
    sleep 1
    kill -0 "$child" 2>/dev/null || exit 0
    left=$((left - 1))
  done
  true >"$work/late"
  end_session TERM
  sleep 2
  end_session KILL
) </dev/null >/dev/null 2>&1 7>&- &
watcher=$!
wait "$child"
status=$?
# KILL: a bash that gets TERM just after its fork runs the EXIT trap of its parent.
if [ -f "$work/late" ]; then wait "$watcher"; else kill -KILL "$watcher" 2>/dev/null; fi
# The reader ends with the pipe, unless a daemon that the command left behind holds it: then what came before the mark is enough.
printf '%s' "$nonce" >&7
command exec 7>&-
tries=0
while kill -0 "$reader" 2>/dev/null && [ "$tries" -lt 100 ]; do
  case $(tail -c 4096 "$work/kept" 2>/dev/null | tr '\0' ' ') in *"$nonce"*) break ;; esac
  sleep 0.05 2>/dev/null || sleep 1
  tries=$((tries + 1))
done
if [ -n "$epoch" ] && [ -n "$event" ] && [ "$status" = 0 ] && [ ! -f "$work/late" ]; then
  enter
  ! is_holder || record "$event" "$to"
fi
printf 'hook-status %s\n' "$status"
[ ! -f "$work/late" ] || printf 'hook-late %s\n' "$deadline"
printf 'output\n'
# strip_mark FILE: the file without the mark.
strip_mark() {
  if [ "$(tail -c ${#nonce} "$1" | tr '\0' ' ')" = "$nonce" ]; then
    head -c $(($(wc -c <"$1") - ${#nonce})) "$1"
  else
    sed "s/$nonce//" "$1"
  fi
}
strip_mark "$work/kept" >"$work/stripped"
head -c "$limit" "$work/stripped"
[ "$(wc -c <"$work/stripped")" -le "$limit" ] || { printf '\n[… output left out here …]\n' && strip_mark "$work/tail"; }
exit 0

# Runs an operator's command for `drover run`: its output is ours as it comes, its exit status stands in the last line of the frame. It has a session
# of its own, of which nothing outlives the deadline, whatever became of the connection. After the header come `files` lines of command, and
# then what is sent to it: its standard input where kind says so, or `bytes` of a script, its $1, and the input behind it.
# Each start of a program costs every host a millisecond: without a script there are setsid, the command's own shell and a sleep. The program
# travels as one line in single quotes, so it has none itself, and no exclamation mark before anything but a blank or an equals sign.
set -u
umask 022
PATH=${PATH:-/usr/bin:/bin}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin
seconds=60 kind="" files=0 bytes="" text="" work="" late=""
IFS= read -r nonce
while IFS= read -r line && [ -n "$line" ]; do
  case $line in
    seconds=*) seconds=${line#*=} ;;
    kind=*) kind=${line#*=} ;;
    files=*) files=${line#*=} ;;
    bytes=*) bytes=${line#*=} ;;
  esac
done
printf "\ndrover %s begin\n" "$nonce"
if [ "$files" -gt 0 ]; then IFS= read -r text; fi
if [ "$files" -gt 1 ]; then
  end=$(printf "\n.")
  while [ "$files" -gt 1 ]; do
    IFS= read -r line
    text=$text${end%.}$line
    files=$((files - 1))
  done
fi
# finish STATUS: ends the frame.
finish() {
  [ -z "$work" ] || rm -rf "$work"
  printf "\ndrover %s end %s\n" "$nonce" "$1"
  exit 0
}
if [ -n "$bytes" ]; then
  work=$(mktemp -d "${TMPDIR:-/tmp}/drover.XXXXXX") || finish "refused cannot write to ${TMPDIR:-/tmp}"
  { cat >"$work/all" && head -c "$bytes" "$work/all" >"$work/script" && tail -c "+$((bytes + 1))" "$work/all" >"$work/input" && rm "$work/all"; } ||
    finish "refused cannot write to $work"
  command exec 3<"$work/input"
else
  case $kind in *input*) command exec 3<&0 ;; *) command exec 3</dev/null ;; esac
fi
cd "$HOME" 2>/dev/null || cd /
# end_process SIGNAL PROCESS: what was begun as root is ended as root.
end_process() {
  kill "-$1" "$2" 2>/dev/null && return
  case $kind in sudo*) sudo -n -- /bin/sh -c "kill -$1 $2" 2>/dev/null ;; esac
}
# end_session SIGNAL: the group of the command, and whatever else of its session has a group of its own.
end_session() {
  end_process "$1" "-$child" || end_process "$1" "$child"
  for file in /proc/[0-9]*/stat; do
    { IFS= read -r line <"$file"; } 2>/dev/null || continue
    # shellcheck disable=SC2086 # fields of a line of the kernel
    set -- "$1" ${line##*) }
    [ "${5:-}" != "$child" ] || { file=${file%/stat} && end_process "$1" "${file#/proc/}"; }
  done
}
trap "late=yes" USR1
(
  trap - USR1
  case $kind in sudo*) as="sudo -n --" ;; *) as="" ;; esac
  if command -v setsid >/dev/null 2>&1; then as="setsid $as"; fi
  # shellcheck disable=SC2086 # as: words
  exec $as /bin/sh -c "$text" sh ${bytes:+"$work/script"}
) <&3 3<&- 2>&1 &
child=$! ;
(
  trap - USR1
  while [ "$seconds" -gt 0 ]; do
    sleep 1
    kill -0 "$child" 2>/dev/null || exit 0
    seconds=$((seconds - 1))
  done
  kill -USR1 $$
  end_session TERM
  sleep 2
  end_session KILL
) </dev/null >/dev/null 2>&1 3<&- &
watcher=$! ;
wait "$child"
status=$?
if [ -n "$late" ]; then
  # The signal may have ended the wait, and not the command.
  wait "$child"
  again=$?
  [ "$again" = 127 ] || status=$again
  wait "$watcher"
  finish "$status late"
fi
kill -KILL "$watcher" 2>/dev/null
finish "$status"

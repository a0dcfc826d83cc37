# Runs an operator's command for `drover run`: its output is ours as it comes, its exit status stands in the last line of the frame. It has a session
# of its own, of which nothing outlives the deadline, whatever became of the connection. After the header come `files` lines of command, and,
# where `offset` says how many bytes there are, `bytes` of a script, its $1, and then its standard input. Nothing is begun that did not come whole.
# Names begin with d_, since a variable that the host exports would reach the command with our value.
# Each start of a program costs every host a millisecond: without a script there are setsid, the command's own shell and a sleep. The program
# travels as one line in single quotes, so it has none itself, and no exclamation mark before anything but a blank or an equals sign.
set -u
umask 022
PATH=${PATH:-/usr/bin:/bin}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin
d_seconds=60 d_kind="" d_files=0 d_bytes="" d_total="" d_text="" d_work=""
IFS= read -r d_nonce
while IFS= read -r d_line && [ -n "$d_line" ]; do
  case $d_line in
    seconds=*) d_seconds=${d_line#*=} ;;
    kind=*) d_kind=${d_line#*=} ;;
    files=*) d_files=${d_line#*=} ;;
    bytes=*) d_bytes=${d_line#*=} ;;
    offset=*) d_total=${d_line#*=} ;;
  esac
done
printf "\ndrover %s begin\n" "$d_nonce"
# d_finish STATUS: ends the frame.
d_finish() {
  [ -z "$d_work" ] || rm -rf "$d_work"
  printf "\ndrover %s end %s\n" "$d_nonce" "$1"
  exit 0
}
# d_next: the next line of the command. One that is cut off must never be run.
d_next() {
  IFS= read -r d_line || d_finish "refused the command did not come whole"
}
if [ "$d_files" -gt 0 ]; then
  d_next
  d_text=$d_line
fi
if [ "$d_files" -gt 1 ]; then
  d_end=$(printf "\n.")
  while [ "$d_files" -gt 1 ]; do
    d_next
    d_text=$d_text${d_end%.}$d_line
    d_files=$((d_files - 1))
  done
fi
if [ -n "$d_total" ]; then
  d_work=$(mktemp -d "${TMPDIR:-/tmp}/drover.XXXXXX") || d_finish "refused cannot write to ${TMPDIR:-/tmp}"
  cat >"$d_work/all" || d_finish "refused cannot write to $d_work"
  [ "$(wc -c <"$d_work/all")" -eq "$d_total" ] || d_finish "refused what was sent to the command did not come whole"
  { head -c "${d_bytes:-0}" "$d_work/all" >"$d_work/script" && tail -c "+$((${d_bytes:-0} + 1))" "$d_work/all" >"$d_work/input" && rm "$d_work/all"; } ||
    d_finish "refused cannot write to $d_work"
  command exec 3<"$d_work/input"
else
  command exec 3</dev/null
fi
cd "${HOME:-/}" 2>/dev/null || cd /
# d_end_process SIGNAL PROCESS: what was begun as root is ended as root.
d_end_process() {
  kill "-$1" "$2" 2>/dev/null && return
  case $d_kind in sudo*) sudo -n -- /bin/sh -c "kill -$1 $2" 2>/dev/null ;; esac
}
# d_end_session SIGNAL: the group of the command, and whatever else of its session has a group of its own.
d_end_session() {
  d_end_process "$1" "-$d_child" || d_end_process "$1" "$d_child"
  for d_file in /proc/[0-9]*/stat; do
    { IFS= read -r d_line <"$d_file"; } 2>/dev/null || continue
    # shellcheck disable=SC2086 # fields of a line of the kernel
    set -- "$1" ${d_line##*) }
    [ "${5:-}" != "$d_child" ] || { d_file=${d_file%/stat} && d_end_process "$1" "${d_file#/proc/}"; }
  done
}
# d_read_clock: seconds since boot; empty where the host does not tell.
d_read_clock() {
  d_now=""
  [ ! -r /proc/uptime ] || IFS=" ." read -r d_now d_line </proc/uptime
}
d_read_clock
d_start=$d_now
(
  case $d_kind in sudo*) d_as="sudo -n --" ;; *) d_as="" ;; esac
  if command -v setsid >/dev/null 2>&1; then d_as="setsid $d_as"; fi
  # The blank keeps a command that begins with a hyphen from being taken for options of the shell.
  # shellcheck disable=SC2086 # as: words
  exec $d_as /bin/sh -c " $d_text" sh ${d_bytes:+"$d_work/script"}
) <&3 3<&- 2>&1 &
d_child=$! ;
(
  while [ "$d_seconds" -gt 0 ]; do
    sleep 1
    kill -0 "$d_child" 2>/dev/null || exit 0
    d_seconds=$((d_seconds - 1))
  done
  d_end_session TERM
  sleep 2
  d_end_session KILL
  exit 9
) </dev/null >/dev/null 2>&1 3<&- &
d_watcher=$! ;
wait "$d_child"
d_status=$?
d_read_clock
if [ -n "$d_now" ] && [ "$((d_now - d_start))" -lt "$d_seconds" ]; then
  kill -KILL "$d_watcher" 2>/dev/null
  d_finish "$d_status"
fi
# At this time the watcher has come to its end, or does so within a second.
wait "$d_watcher"
[ "$?" = 9 ] && d_status="$d_status late"
d_finish "$d_status"

# judge_task FOLDER: sets `task` to how a once task stands: `ended`, `running`, `unknown` (it was begun and its keeper is gone), or `new`.
# Whoever holds the lock on `alive` is its keeper; no process outlives its lock, and no lock a reboot.
judge_task() {
  task=new
  [ -d "$1" ] || return 0
  if [ ! -s "$1/result" ] && [ -f "$1/alive" ] && ! (flock -n 8) 8<"$1/alive"; then
    task=running
  elif [ -s "$1/result" ]; then
    task=ended
  elif [ -f "$1/started" ]; then
    task=unknown
  fi
}

# has_session FOLDER: something that the task started is left, though nobody keeps it any more.
has_session() {
  [ -s "$1/session" ] && IFS= read -r line <"$1/session" && [ "${line% *}" = "$boot" ] || return 1
  [ -n "$(cat /proc/[0-9]*/stat 2>/dev/null | awk -v session="${line##* }" '{sub(/^.*\) /, ""); if ($4 == session) print}')" ]
}

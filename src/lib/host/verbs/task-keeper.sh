# What keeps a once task, as text: it is a process of its own session and outlives the verb that started it.
# shellcheck disable=SC2016 # the keeper expands its own variables
DROVER_TASK_KEEPER='# Started by drover: runs one task to its end or its deadline, and writes down how it ended.
root=$1 run=$2 epoch=$3 kind=$4 from=$5 to=$6 app=$7 seconds=$8 locale=$9 boot=${10}
state=$root/.drover
folder=$state/runs/$run/once-$kind
umask 077
set -u
# One exclusive create, on the disk before the first word of the task: what comes after it may have happened.
(set -C && date -u +%Y-%m-%dT%H:%M:%SZ >"$folder/started") 2>/dev/null || exit 0
sync -f "$root" 2>/dev/null || sync
exec 7<>"$folder/out" 6<"$folder/out" || exit 0
{
  (
    ulimit -c 0
    ulimit -f 34
    exec cat
  ) >"$folder/head"
  tail -c 16384 >"$folder/tail"
} <&6 >/dev/null 2>&1 6<&- 7>&- 8>&- &
reader=$!
exec 6<&-
(
  umask 022
  cd "$root/releases/$to" || exit 127
  DROVER_APP=$app DROVER_ROOT=$root DROVER_RELEASE=$to DROVER_PREVIOUS=$from DROVER_RUN=$run DROVER_TASK=$kind
  export DROVER_APP DROVER_ROOT DROVER_RELEASE DROVER_PREVIOUS DROVER_RUN DROVER_TASK
  unset LC_ALL
  [ -z "$locale" ] || export LC_ALL="$locale"
  if command -v setsid >/dev/null 2>&1; then exec setsid /bin/sh "$folder/command"; fi
  exec /bin/sh "$folder/command"
) </dev/null >"$folder/out" 2>&1 7>&- 8>&- &
child=$!
printf "%s %s\n" "$boot" "$child" >"$folder/session"
end_session() {
  kill "-$1" "-$child" 2>/dev/null || kill "-$1" "$child" 2>/dev/null
  cat /proc/[0-9]*/stat 2>/dev/null | awk -v session="$child" "{pid = \$1; sub(/^.*\\) /, \"\"); if (\$4 == session) print pid}" | while read -r member; do
    kill "-$1" "$member" 2>/dev/null
  done
}
(
  left=$seconds
  while [ "$left" -gt 0 ]; do
    sleep 1
    kill -0 "$child" 2>/dev/null || exit 0
    left=$((left - 1))
  done
  true >"$folder/late"
  end_session TERM
  sleep 2
  end_session KILL
) </dev/null >/dev/null 2>&1 7>&- 8>&- &
watcher=$!
wait "$child"
status=$?
if [ -f "$folder/late" ]; then wait "$watcher"; else kill -KILL "$watcher" 2>/dev/null; fi
# A daemon that the task left behind may hold its output open for ever: what came until now is enough.
exec 7>&-
tries=0
while kill -0 "$reader" 2>/dev/null && [ "$tries" -lt 50 ]; do
  sleep 0.1 2>/dev/null || sleep 1
  tries=$((tries + 1))
done
kill -KILL "$reader" 2>/dev/null
rm -f "$folder/out"
exec 9>>"$state/mutex"
flock 9
[ ! -f "$folder/late" ] || [ "$status" != 0 ] || status=124
{
  printf "status %s\n" "$status"
  [ ! -f "$folder/late" ] || printf "late %s\n" "$seconds"
} >"$folder/result.tmp"
printf "%s %s %s %s %s\n" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$epoch" "$run" once-ended "$kind $status" >>"$state/journal"
{ sync "$folder/result.tmp" 2>/dev/null || sync; } && mv -f "$folder/result.tmp" "$folder/result"
sync -f "$root" 2>/dev/null || sync
'

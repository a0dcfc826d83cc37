# Runs this run's task `kind` (the payload) once on this host, from the tree of release `to`: begins it unless it was begun, waits up to
# `wait` seconds for its end, and says how it stands. Its keeper goes on when nobody listens. With a `detail` tries under another
# word are put aside first; only an operator may decide that.
open_run
[ -n "$kind" ] && [ -n "$seconds" ] || fail 19 'no task or deadline was given'
folder=$state/runs/$run/once-$kind
cat >"$folder.command.$$" || fail 18 "cannot write below $state/runs"
enter
require_lease
judge_task "$folder"
word=''
if [ -s "$folder/word" ]; then IFS= read -r word <"$folder/word"; fi
if [ -n "$detail" ] && [ "$detail" != "$word" ] && [ "$task" != new ]; then
  [ "$task" != running ] && ! has_session "$folder" || fail 12 "the task $kind is still at work here"
  number=1
  while [ -d "$folder.$number" ]; do number=$((number + 1)); done
  mv -T "$folder" "$folder.$number" || fail 18 "cannot write below $state/runs"
  record once-again "$kind"
  task=new
fi
if [ "$task" = new ]; then
  [ -n "$to" ] && is_staged "$to" || fail 13 "release $to is not on this host"
  rm -rf "$folder"
  mkdir "$folder" || fail 18 "cannot write below $state/runs"
  mv -f "$folder.command.$$" "$folder/command" && printf '%s\n' "$DROVER_TASK_KEEPER" >"$folder/keeper.sh" && mkfifo "$folder/out" ||
    fail 18 "cannot write below $state/runs"
  [ -z "$detail" ] || printf '%s\n' "$detail" >"$folder/word" || fail 18 "cannot write below $state/runs"
  record once-begun "$kind $to"
  flush
  command exec 8>>"$folder/alive" && flock -n 8 || fail 18 "cannot write below $state/runs"
  start='setsid'
  command -v setsid >/dev/null 2>&1 || start='nohup'
  (
    trap - HUP PIPE
    exec "$start" /bin/sh "$folder/keeper.sh" "$root" "$run" "$epoch" "$kind" "$from" "$to" "$app" "$seconds" "$outer_locale" "$boot"
  ) </dev/null >/dev/null 2>&1 9>&- &
  command exec 8>&-
  task=running
  printf 'begun\n'
fi
rm -f "$folder.command.$$"
leave
read_clock
until=$((now + ${wait:-0}))
while [ "$task" = running ] && [ "$now" -lt "$until" ]; do
  sleep 0.1 2>/dev/null || sleep 1
  judge_task "$folder"
  read_clock
done
printf 'task %s\n' "$task"
[ "$task" = ended ] || exit 0
cat "$folder/result"
printf 'output\n'
cat "$folder/head" 2>/dev/null
[ ! -s "$folder/tail" ] || { printf '\n[… output left out here …]\n' && cat "$folder/tail"; }
exit 0

# arm_dead_man: starts a process of its own session that takes the release back after `seconds`, unless the run was
# decided before. The decision is one rename inside the mutex, so that confirm and revert can never both win. Of several such processes
# of one run only the one that `watch` names counts.
arm_dead_man() {
  folder=$state/runs/$run
  write_line "$folder/watcher.sh" "$DROVER_DEAD_MAN" && write_line "$folder/armed" "$boot" && write_line "$folder/watch" "$boot.$now.$$" ||
    fail 18 "cannot write below $state/runs"
  if command -v setsid >/dev/null 2>&1; then
    setsid /bin/sh "$folder/watcher.sh" "$root" "$run" "$from" "$to" "$seconds" "$app" "$boot.$now.$$" </dev/null >/dev/null 2>&1 9>&- &
  else
    nohup /bin/sh "$folder/watcher.sh" "$root" "$run" "$from" "$to" "$seconds" "$app" "$boot.$now.$$" </dev/null >/dev/null 2>&1 9>&- &
  fi
  printf 'armed %s\n' "$seconds"
}
# disarm_dead_man: nothing was switched, so that there is nothing to take back.
disarm_dead_man() {
  rm -f "$state/runs/$run/watch" "$state/runs/$run/armed"
}
# shellcheck disable=SC2016 # the watcher expands its own variables
DROVER_DEAD_MAN='# Started by drover on a switch; takes the release back when nobody confirms it in time.
root=$1 run=$2 from=$3 to=$4 seconds=$5 app=$6 token=$7
state=$root/.drover
folder=$state/runs/$run
umask 077
left=$seconds
while [ "$left" -gt 0 ]; do
  sleep 1
  left=$((left - 1))
  [ -d "$folder" ] || exit 0
  [ ! -s "$folder/decision" ] || exit 0
  IFS= read -r word <"$folder/watch" && [ "$word" = "$token" ] || exit 0
done
exec 9>>"$state/mutex"
flock 9
[ ! -s "$folder/decision" ] || exit 0
# Another run that moved or confirmed the release since is answerable for it.
last=$(awk -F"[ ]" "\$4 == \"intent\" || \$4 == \"confirmed\" || \$4 == \"reverted\" {last = \$3 \" \" \$4} END {print last}" "$state/journal")
[ "$last" = "$run intent" ] || exit 0
[ "$(readlink "$root/current")" = "releases/$to" ] || exit 0
[ -z "$from" ] || [ -d "$root/releases/$from" ] || exit 0
rm -f "$state/ballast"
echo reverted >"$folder/decision.tmp" && mv -f "$folder/decision.tmp" "$folder/decision" || exit 0
if [ -n "$from" ]; then
  rm -f "$root"/.drover-next.*
  ln -s "releases/$from" "$root/.drover-next.$$" && mv -T -f "$root/.drover-next.$$" "$root/current" || exit 0
else
  rm -f "$root/current"
fi
printf "%s %s %s %s %s\n" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" dead-man "$run" reverted "$to $from" >>"$state/journal"
sync -f "$root" 2>/dev/null || sync
exec 9>&-
if [ -s "$folder/restart" ] && [ -n "$from" ]; then
  umask 022
  cd "$root/current" || exit 0
  DROVER_APP=$app DROVER_ROOT=$root DROVER_RELEASE=$from DROVER_PREVIOUS=$to DROVER_RUN=$run
  export DROVER_APP DROVER_ROOT DROVER_RELEASE DROVER_PREVIOUS DROVER_RUN
  /bin/sh "$folder/restart" &
  hook=$!
  left=120
  while [ "$left" -gt 0 ] && kill -0 "$hook" 2>/dev/null; do
    sleep 1
    left=$((left - 1))
  done
  kill -KILL "$hook" 2>/dev/null
fi
rm -f "$folder/armed"
'

# arm_dead_man: starts a process of its own session that takes the release back after `seconds`, unless the run was
# decided before. The decision is one exclusive file create, so that confirm and revert can never both win.
arm_dead_man() {
  watcher=$state/runs/$run/watcher.sh
  {
    printf '%s\n' "$DROVER_DEAD_MAN"
  } | write_file "$watcher" || fail 18 "cannot write below $state/runs"
  if command -v setsid >/dev/null 2>&1; then
    setsid /bin/sh "$watcher" "$root" "$run" "$from" "$to" "$seconds" </dev/null >/dev/null 2>&1 9>&- 8>&- &
  else
    nohup /bin/sh "$watcher" "$root" "$run" "$from" "$to" "$seconds" </dev/null >/dev/null 2>&1 9>&- 8>&- &
  fi
  printf 'armed %s\n' "$seconds"
}
DROVER_DEAD_MAN='# Started by drover on a switch; takes the release back when nobody confirms it in time.
root=$1 run=$2 from=$3 to=$4 seconds=$5
state=$root/.drover
folder=$state/runs/$run
umask 077
left=$seconds
while [ "$left" -gt 0 ]; do
  sleep 1
  left=$((left - 1))
  [ -d "$folder" ] || exit 0
  [ ! -f "$folder/decision" ] || exit 0
done
exec 9>>"$state/mutex"
flock 9
(set -C; echo reverted >"$folder/decision") 2>/dev/null || exit 0
live=$(readlink "$root/current")
[ "$live" = "releases/$to" ] || exit 0
if [ -n "$from" ]; then
  [ -d "$root/releases/$from" ] || exit 0
  ln -s "releases/$from" "$root/.drover-next.$$" && mv -T -f "$root/.drover-next.$$" "$root/current"
else
  rm -f "$root/current"
fi
sync -f "$root" 2>/dev/null || sync
printf "%s %s %s %s %s\n" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" dead-man "$run" reverted "$to $from" >>"$state/journal"
sync -f "$root" 2>/dev/null || sync
flock -u 9
exec 9>&-
if [ -s "$folder/restart" ] && [ -n "$from" ]; then
  cd "$root/current" && DROVER_RELEASE=$from DROVER_PREVIOUS=$to DROVER_ROOT=$root /bin/sh "$folder/restart" </dev/null >/dev/null 2>&1
fi
'

# shellcheck disable=SC2016,SC2034 # the keeper expands its own variables
DROVER_PAUSE_KEEPER='# Started by drover before it pauses a worker; resumes it when nobody answers for this host any more.
root=$1 run=$2 epoch=$3 token=$4 app=$5 patience=$6 kind=$7
state=$root/.drover
folder=$state/pause
umask 077
is_noted() {
  IFS= read -r line 2>/dev/null <"$folder/by" && [ "$line" = "$run $epoch $token" ]
}
# is_held: the run is alive. A lease that was given back by the very epoch that paused is no accident: the worker is left as it is, unless what it
# keeps paused belongs to others, too.
is_held() {
  if [ ! -f "$state/lease" ]; then
    IFS= read -r line <"$state/epoch"
    [ "$line" != "$epoch" ] || [ "$kind" = shared ] || [ -f "$state/lease" ] || exit 0
    return 1
  fi
  holder="" leased="" until=0 boot=none
  while IFS= read -r line; do
    case $line in run=*) holder=${line#*=} ;; boot=*) leased=${line#*=} ;; until=*) until=${line#*=} ;; esac
  done <"$state/lease"
  if [ -r /proc/uptime ]; then
    IFS=" ." read -r now line </proc/uptime
    IFS= read -r boot </proc/sys/kernel/random/boot_id
  else
    now=$(date +%s)
  fi
  [ "$holder" = "$run" ] && [ "$leased" = "$boot" ] && [ "$until" -gt "$now" ]
}
# is_undecided: the switch that takes the release back goes first, and its restart hook.
is_undecided() {
  [ -s "$state/runs/$run/armed" ] && [ "$patience" -gt 0 ] && [ "$(cat "$state/runs/$run/decision" 2>/dev/null)" != confirmed ]
}
failed=0
while sleep 2; do
  is_noted || exit 0
  ! is_held || continue
  if is_undecided; then
    patience=$((patience - 2))
    continue
  fi
  exec 8>>"$folder/lock"
  flock 8
  is_noted || exit 0
  if ! is_held; then
    (
      umask 022
      cd "$root/current" || cd /
      DROVER_APP=$app DROVER_ROOT=$root DROVER_RUN=$run
      export DROVER_APP DROVER_ROOT DROVER_RUN
      exec /bin/sh "$folder/resume"
    ) 8>&- &
    hook=$!
    left=60
    while [ "$left" -gt 0 ] && kill -0 "$hook"; do
      sleep 1
      left=$((left - 1))
    done
    kill -KILL "$hook"
    if wait "$hook"; then
      exec 9>>"$state/mutex"
      flock 9
      rm -f "$folder/by" "$folder/resume" "$folder/leaving"
      printf "%s %s %s %s %s\n" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" pause-keeper "$run" resumed "by itself" >>"$state/journal"
      sync -f "$root" || sync
      exit 0
    fi
    failed=$((failed + 1))
    [ "$failed" -lt 100 ] || exit 0
  fi
  exec 8>&-
  [ "$failed" -lt 5 ] || sleep 30
done
'

# start_clock: gets the host's own clock ready to be read in milliseconds. `grain` is how exact it is, in milliseconds: where `date` knows no
# fractions, one turn of its second is caught and the time since boot carries on from there.
start_clock() {
  grain=1
  case $(date +%s%N) in *[!0-9]*) grain=1000 ;; esac
  [ "$grain" = 1000 ] && [ -r /proc/uptime ] || return 0
  read_uptime
  asked=$uptime
  second=$(date +%s)
  turned=$second
  # The second turns after `date` has told the old one for the last time, which was asked for at `before`.
  while [ "$turned" = "$second" ]; do
    before=$asked
    read_uptime
    asked=$uptime
    turned=$(date +%s)
  done
  read_uptime
  # The time since boot is told in whole hundredths, so that it may be 10 ms behind at either end.
  ahead=$((turned * 1000 - uptime - 10))
  grain=$((uptime - before + 20))
}

read_uptime() {
  IFS=' .' read -r uptime hundredths line </proc/uptime
  uptime=$((uptime * 1000 + ${hundredths#0} * 10))
}

# read_time: what the host's own clock says, as `millis` since the epoch.
read_time() {
  if [ "$grain" = 1 ]; then
    millis=$(($(date +%s%N) / 1000000))
  elif [ -r /proc/uptime ]; then
    read_uptime
    millis=$((uptime + ahead))
  else
    millis=$(($(date +%s) * 1000))
  fi
}

# nap MILLISECONDS: where `sleep` knows no fractions, less than a second passes by asking again.
nap() {
  fraction=$(($1 % 1000 + 1000))
  sleep "$(($1 / 1000)).${fraction#1}" 2>/dev/null || [ "$1" -lt 1000 ] || sleep 1
}

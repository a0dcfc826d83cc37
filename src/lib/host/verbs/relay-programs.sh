# The two programs of a relay, kept as text: what its sshd runs for a peer, and what watches over its sshd.
# shellcheck disable=SC2016 # they expand their own variables
DROVER_RELAY_SERVE='set -u
LC_ALL=C
PATH=${PATH:-/usr/bin:/bin}:/usr/bin:/bin
words=${SSH_ORIGINAL_COMMAND-}
case $words in "$token "*) offset=${words#* } ;; *) exit 64 ;; esac
case $offset in "" | *[!0-9]* | 0?* | ????????????????*) exit 64 ;; esac
[ "$offset" -le "$bytes" ] || exit 64
IFS=" ." read -r now rest </proc/uptime || now=$(date +%s)
IFS= read -r end <"$relay/until" || exit 65
[ "$now" -lt "$end" ] || exit 65
# A peer that vanishes may leave this behind: by these files it is found.
IFS= read -r stat <"/proc/$$/stat" && set -- ${stat##*) } && printf "%s %s\n" "$$" "${20}" >"$relay/serving.$$"
printf "\ndrover %s %s\n" "$token" "$offset"
exec tail -c "+$((offset + 1))" "$relay/delta"'
# shellcheck disable=SC2016 # as above
DROVER_RELAY_KEEPER='# Started by drover: keeps the sshd of one relay, and ends both when nobody renews it or its time is over.
relay=$1 program=$2 wanted=$3 most=$4
umask 077
unset SSH_AUTH_SOCK
server=""
read_now() {
  IFS=" ." read -r now rest </proc/uptime 2>/dev/null || now=$(date +%s)
}
# note FILE PID: which process, so that nobody ends another one later.
note() {
  file=$1 one=$2
  IFS= read -r stat <"/proc/$one/stat" || return 0
  set -- ${stat##*) }
  printf "%s %s\n" "$one" "${20}" >"$file"
}
# end_server: the listener, its connections, which are sessions of their own, and what they run.
end_server() {
  [ -n "$server" ] || return 0
  kill -STOP "$server" 2>/dev/null
  for one in $(cat /proc/[0-9]*/stat 2>/dev/null | awk -v top="$server" '"'"'
    {pid = $1; sub(/^.*\) /, ""); parent[pid] = $2}
    END {
      mine[top]
      do {
        more = 0
        for (pid in parent) if (!(pid in mine) && (parent[pid] in mine)) {mine[pid]; more = 1}
      } while (more)
      for (pid in mine) print pid
    }'"'"'); do
    kill -KILL "$one" 2>/dev/null
  done
  wait "$server" 2>/dev/null
  server=""
}
# end_served: what serves peers whose connections are gone.
end_served() {
  for file in "$relay"/serving.*; do
    IFS=" " read -r one since <"$file" && IFS= read -r stat <"/proc/$one/stat" || continue
    set -- ${stat##*) }
    [ "${20}" != "$since" ] || kill -KILL "$one"
  done 2>/dev/null
}
finish() {
  trap "" HUP INT TERM
  end_server
  end_served
  rm -rf "$relay"
  rmdir "${relay%/*}" 2>/dev/null
  exit 0
}
trap finish HUP INT TERM
note "$relay/keeper" "$$"
read_now
last=$((now + most))
tries=0
while :; do
  port=$wanted
  [ "$wanted" != 0 ] || port=$((20000 + ($$ * 7919 + now * 104729 + tries * 3571) % 12000))
  { printf "Port %s\n" "$port" && cat "$relay/settings"; } >"$relay/config"
  "$program" -D -e -f "$relay/config" </dev/null 2>"$relay/log" &
  server=$!
  note "$relay/server" "$server"
  waited=0
  while kill -0 "$server" 2>/dev/null && [ "$waited" -lt 100 ]; do
    ! grep -q "^Server listening on" "$relay/log" || break
    waited=$((waited + 1))
    sleep 0.1 2>/dev/null || sleep 1
  done
  if grep -q "^Server listening on" "$relay/log" && ! grep -q "^error: Bind to port" "$relay/log"; then break; fi
  end_server
  tries=$((tries + 1))
  if [ "$wanted" != 0 ] || [ "$tries" -ge 10 ] || ! grep -q "Bind to port" "$relay/log"; then
    { grep -v "^Server listening on" "$relay/log" || echo "it said nothing"; } | head -n 1 >"$relay/failed"
    waited=0
    while [ -f "$relay/until" ] && [ "$waited" -lt 20 ]; do
      waited=$((waited + 1))
      sleep 1
    done
    finish
  fi
done
printf "%s\n" "$port" >"$relay/port.new" && mv "$relay/port.new" "$relay/port"
while :; do
  sleep 0.5 2>/dev/null || sleep 1
  read_now
  IFS= read -r end <"$relay/until" 2>/dev/null || break
  [ "$now" -lt "$end" ] && [ "$now" -lt "$last" ] || break
  kill -0 "$server" 2>/dev/null || break
done
finish
'

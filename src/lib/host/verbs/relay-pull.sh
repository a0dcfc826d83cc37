# Continues the part at `offset` from a relay, a peer of this host; what came is proved by its digest before it counts.
# With `rate`, no more bytes a second than that are taken, in the mean.
# The payload is the relay's public host key, in one line, and the private key that this relay lets in, which is gone with the first byte.
[ -n "$bytes" ] && [ -n "$digest" ] && [ -n "$address" ] && [ -n "$port" ] && [ -n "$user" ] && [ -n "$token" ] && [ -n "$seconds" ] ||
  fail 19 'no size, digest, relay or time was given'
case $address$user in -*) fail 19 'an address or user is malformed' ;; esac
command -v ssh >/dev/null 2>&1 || fail 16 'ssh is not on this host'
take_part
work=$state/incoming/$part.pull
client='' receiver='' watcher=''
leave_pull() {
  status=$?
  trap '' EXIT HUP INT TERM
  for process in $watcher $client $receiver; do
    kill -KILL "$process" 2>/dev/null
  done
  # A dd of the receiver outlives it for a moment: whoever comes next finds a part that nobody writes.
  command exec 8>&-
  tries=0
  until flock -n "$state/incoming/$part.lock" true || [ "$tries" -ge 50 ]; do
    tries=$((tries + 1))
    sleep 0.1 2>/dev/null || sleep 1
  done
  rm -rf "$work"
  rm -f "$holder"
  printf '\ndrover %s end %s\n' "$nonce" "$status"
}
trap leave_pull EXIT
trap 'exit 1' HUP INT TERM
# Whoever asked for this may be gone: the next word to them fails then, and ends the pull.
trap '' PIPE
rm -rf "$work"
mkdir "$work" && mkfifo "$work/pipe" || fail 18 "cannot write below $state/incoming"
{
  IFS= read -r line
  printf 'drover-relay %s\n' "$line" >"$work/known" && cat >"$work/key"
} || fail 18 "cannot write below $state/incoming"
unset SSH_AUTH_SOCK SSH_ASKPASS DISPLAY
left=$((bytes - offset))
read_centis() {
  IFS=' .' read -r whole part_of rest </proc/uptime 2>/dev/null || { whole=$(date +%s) && part_of=0; }
  centis=$((whole * 100 + ${part_of#0}))
}
# take: what is missing, and not a byte more. The size of the file tells what came, since a read from a pipe may be short.
take() {
  block=65536 count=1
  if [ -n "$rate" ] && [ "$rate" -gt 0 ]; then
    [ "$rate" -ge "$block" ] || block=$rate
    count=$(((rate / 4 + block - 1) / block))
    read_centis
    begun=$centis taken=0
    while [ $((left - taken)) -gt $((block * count)) ]; do
      dd bs="$block" count="$count" 2>/dev/null
      before=$taken
      taken=$(($(size_of "$delta") - offset))
      [ "$taken" -gt "$before" ] || return 1
      read_centis
      ahead=$((taken * 100 / rate - (centis - begun)))
      [ "$ahead" -le 0 ] || sleep "$(printf '%d.%02d' "$((ahead / 100))" "$((ahead % 100))")" 2>/dev/null 8>&- || sleep "$((ahead / 100 + 1))" 8>&-
    done
    left=$((left - taken))
  fi
  exec head -c "$left"
}
(
  cd "$work" || exit 1
  exec ssh -F /dev/null -a -x -T -n -e none -p "$port" -l "$user" -i key \
    -o UserKnownHostsFile=known -o GlobalKnownHostsFile=/dev/null -o HostKeyAlias=drover-relay -o StrictHostKeyChecking=yes -o CheckHostIP=no \
    -o BatchMode=yes -o IdentitiesOnly=yes -o IdentityAgent=none -o PreferredAuthentications=publickey \
    -o ForwardAgent=no -o ForwardX11=no -o ClearAllForwardings=yes -o PermitLocalCommand=no -o ProxyCommand=none -o ControlPath=none \
    -o ConnectTimeout=10 -o ServerAliveInterval=5 -o ServerAliveCountMax=3 -o Compression=no -o LogLevel=ERROR \
    -- "$address" "$token $offset"
) </dev/null >"$work/pipe" 2>"$work/errors" 8>&- &
client=$!
# At most what is missing is taken, after the frame; what comes before it is the noise of rc files. It writes the part, so it holds the lock of
# the part as well, should this process be killed alone.
(
  while IFS= read -r line; do
    [ "$line" != "drover $token $offset" ] || { rm -f "$work/key" && take && exit; }
  done
  exit 1
) <"$work/pipe" >>"$delta" 2>/dev/null &
receiver=$!
(
  seen='' still=0
  while sleep 1 >/dev/null 2>&1 && kill -0 "$receiver" 2>/dev/null; do
    size=$(size_of "$delta")
    if [ "$size" = "$seen" ]; then still=$((still + 1)); else still=0; fi
    seen=$size
    if [ "$still" -ge "$seconds" ]; then
      true >"$work/stalled"
    elif printf 'have %s\n' "$size" 2>/dev/null; then
      continue
    fi
    kill -KILL "$client" "$receiver"
    exit
  done
) </dev/null 2>/dev/null 8>&- &
watcher=$!
wait "$receiver"
receiver=''
kill -KILL "$watcher" 2>/dev/null
watcher=''
have=$(size_of "$delta")
if [ "$have" != "$bytes" ]; then
  [ ! -f "$work/stalled" ] || fail 24 "no byte came for $seconds s, after $have of $bytes"
  # ssh says why it ended a moment after its output has.
  tries=0
  while kill -0 "$client" 2>/dev/null && [ "$tries" -lt 20 ]; do
    tries=$((tries + 1))
    sleep 0.1 2>/dev/null || sleep 1
  done
  words=$(grep -v '^[[:space:]]*$' "$work/errors" | tail -n 1 | tr -d '\r')
  fail 24 "$have of $bytes bytes came: ${words:-the connection ended}"
fi
found=$(sha256sum <"$delta")
if [ "${found%% *}" != "$digest" ]; then
  # What was here before had been proved; what came from the relay goes.
  head -c "$offset" "$delta" >"$work/proved" && cat "$work/proved" >"$delta" || rm -f "$delta"
  fail 25 "what came is not the delta: its digest is ${found%% *}"
fi
printf 'size %s\n' "$have"

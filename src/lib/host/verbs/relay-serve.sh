# Lets peers fetch a received part from this host: starts a private sshd of the login user that does one thing, and its keeper.
# The payload is the private host key, then the public keys of the peers, one a line. Replies `port N` and `user NAME`.
open_state
open_relay
[ -n "$part" ] && [ -n "$bytes" ] && [ -n "$ttl" ] && [ -n "$max" ] || fail 19 'no part, size or time was given'
server=''
for program in /usr/sbin/sshd /usr/local/sbin/sshd /usr/lib/ssh/sshd; do
  [ ! -x "$program" ] || { server=$program && break; }
done
[ -n "$server" ] || fail 16 'sshd is not on this host'
delta=$state/incoming/$part.delta
[ "$(size_of "$delta")" = "$bytes" ] || fail 13 'the delta is not all here'
# Neither sshd_config nor the program below has to quote these.
case $relay in
  /*[!A-Za-z0-9/._@:+=,-]*) fail 16 "sshd_config cannot hold the path $relay" ;;
  /*) ;;
  *) fail 16 "the root $root is not absolute" ;;
esac
sweep_relays
mkdir -p "$relay" || mkdir -p "$relay" || fail 18 "cannot write below $state/relay"
true >"$relay/starting" || fail 18 "cannot write below $state/relay"
give_up() {
  end_relay "$relay"
  fail "$@"
}
ln "$delta" "$relay/delta" 2>/dev/null || cp "$delta" "$relay/delta" || give_up 15 "cannot copy the delta to $relay"
line=''
while IFS= read -r line; do
  printf '%s\n' "$line"
  case $line in '-----END '*) break ;; esac
done >"$relay/host_key" || give_up 18 "cannot write $relay/host_key"
sed 's/^/restrict /' >"$relay/peers" || give_up 18 "cannot write $relay/peers"
printf '%s\n' "$((now + ttl))" >"$relay/until" || give_up 18 "cannot write $relay/until"
user=$(id -un)

# What a peer gets, whatever it asks for: the delta from a byte on, while the token holds. The frame tells it from what rc files print.
serve=$(printf 'relay=%s token=%s bytes=%s\n%s\n' "$relay" "$token" "$bytes" "$DROVER_RELAY_SERVE" | base64 | tr -d '\n')
cat >"$relay/settings" <<END || give_up 18 "cannot write $relay/settings"
HostKey $relay/host_key
PidFile none
LogLevel INFO
AllowUsers $user
AuthenticationMethods publickey
PubkeyAuthentication yes
PasswordAuthentication no
KbdInteractiveAuthentication no
HostbasedAuthentication no
AuthorizedKeysFile $relay/peers
StrictModes no
UsePAM no
PermitRootLogin prohibit-password
PermitTTY no
DisableForwarding yes
AllowTcpForwarding no
AllowStreamLocalForwarding no
AllowAgentForwarding no
X11Forwarding no
PermitTunnel no
GatewayPorts no
PermitUserEnvironment no
PermitUserRC no
PrintMotd no
PrintLastLog no
Banner none
UseDNS no
Compression no
MaxSessions 1
MaxStartups 1000
MaxAuthTries 3
LoginGraceTime 20
ClientAliveInterval 10
ClientAliveCountMax 3
ForceCommand exec /bin/sh -c 'eval "\$(echo $serve|base64 -d)"'
END
printf '%s\n' "$DROVER_RELAY_KEEPER" >"$relay/keeper.sh" || give_up 18 "cannot write $relay/keeper.sh"
if command -v setsid >/dev/null 2>&1; then
  setsid /bin/sh "$relay/keeper.sh" "$relay" "$server" "${port:-0}" "$max" </dev/null >/dev/null 2>&1 &
else
  nohup /bin/sh "$relay/keeper.sh" "$relay" "$server" "${port:-0}" "$max" </dev/null >/dev/null 2>&1 &
fi
tries=0
until [ -s "$relay/port" ]; do
  [ ! -s "$relay/failed" ] || give_up 16 "sshd does not start: $(head -n 1 "$relay/failed")"
  [ "$tries" -lt 200 ] || give_up 16 'sshd does not start'
  tries=$((tries + 1))
  sleep 0.1 2>/dev/null || sleep 1
done
IFS= read -r port <"$relay/port"
rm -f "$relay/starting"
printf 'port %s\nuser %s\n' "$port" "$user"

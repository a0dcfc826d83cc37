# Lets a relay live for another `ttl` seconds; without this it ends by itself.
open_relay
[ -n "$ttl" ] || fail 19 'no ttl was given'
lives "$relay/keeper" || fail 13 'the relay has ended'
printf '%s\n' "$((now + ttl))" | write_file "$relay/until" || fail 18 "cannot write $relay"

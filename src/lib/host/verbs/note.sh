# One line in the host's journal, durable before the caller goes on.
[ -n "$event" ] || fail 19 'no event was given'
open_state
enter
require_lease
record "$event" "$detail"
flush

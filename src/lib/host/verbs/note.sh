# One line in the host's journal, durable before the caller goes on.
open_state
enter
require_lease
record "$event" "$detail"
flush

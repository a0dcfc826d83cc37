# Ends a relay at once: its sshd, what that one runs, its keys.
open_relay
[ ! -d "$relay" ] || end_relay "$relay"
sweep_relays

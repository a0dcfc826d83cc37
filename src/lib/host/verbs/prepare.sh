# All of a timed switch that can be done beforehand, so that what is left at its time is one rename and cannot fail for another reason.
# The payload is the restart command, as for `switch`.
open_run
read_payload
enter
check_readiness
[ "$live" = "$from" ] || [ "$live" = "$to" ] || fail 12 "serves ${live:-nothing}, the plan expects ${from:-nothing}"
lay_in
record prepared "$from $to"
flush

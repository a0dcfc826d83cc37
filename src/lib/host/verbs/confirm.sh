# The release is good on this host: the dead-man's switch is called off, for good. Fails when it has fired before.
open_state
enter
require_lease
read_current
[ "$live" = "$to" ] || fail 12 "serves ${live:-nothing}, not $to"
(set -C; printf 'confirmed\n' >"$state/runs/$run/decision") 2>/dev/null || {
  IFS= read -r line <"$state/runs/$run/decision"
  [ "$line" = confirmed ] || fail 22 'this host took the release back by itself; nobody confirmed it in time'
  printf 'unchanged\n'
  exit 0
}
record confirmed "$to"
flush

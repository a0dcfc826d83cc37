# The heartbeat of a run.
[ -d "$state" ] && [ -n "$ttl" ] || fail 11 'this host holds no lease'
enter
require_lease
owner=$lease_owner reason=$lease_reason
write_lease "$lease_since"

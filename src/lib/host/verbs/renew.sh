# The heartbeat of a run.
enter
require_lease
owner=$lease_owner reason=$lease_reason
write_lease

import type {CheckResult, PoolServer} from './pool-server.js';

/** Columns of server state file version 1, as HAProxy 2.6 writes them. */
const columns = [
  ...'be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change'.split(' '),
  ...'srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id'.split(' '),
  ...'srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port'.split(' '),
];

/** SRV_ADMF_FMAINT and SRV_ADMF_FDRAIN. */
const adminBits = {ready: 0, maint: 1, drain: 8} as const;

/** Numbers of HAProxy's HCHK_STATUS_*; 1 is "initializing". */
const checkNumbers: Readonly<Record<CheckResult['status'], number>> = {L4CON: 8, L7TOUT: 12, L7OK: 15, L7STS: 17};

/** Answer to `show servers state`: version, header, one line per server. */
export function formatServersState({
  backend,
  servers,
  initialWeight,
}: {
  backend: string;
  servers: readonly PoolServer[];
  initialWeight: number;
}): string {
  const lines = servers.map((server, index) => {
    const {lastCheck} = server;
    const result = lastCheck === undefined ? 0 : lastCheck.status === 'L7OK' ? 3 : 2;
    const paused = server.admin === 'maint' ? 8 : 0;
    return [
      ...[3, backend, index + 1, server.name, server.endpoint.address],
      ...[server.isUp ? 2 : 0, adminBits[server.admin], server.weight, initialWeight, server.secondsSinceChange],
      ...[lastCheck === undefined ? 1 : checkNumbers[lastCheck.status], result, server.health, 6 | paused, 0, 0, 0],
      ...['-', server.endpoint.port, '-', 0, 0, '-', '-', 0],
    ].join(' ');
  });
  return ['1', `# ${columns.join(' ')}`, ...lines].map((line) => `${line}\n`).join('');
}

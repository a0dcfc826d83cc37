import {checkFall, checkRise, type PoolServer} from './pool-server.js';

/** The columns of HAProxy 2.6, in its order (management.txt section 9.1). Readers go by position as often as by name. */
export const statColumns = [
  ...'pxname svname qcur qmax scur smax slim stot bin bout dreq dresp ereq econ eresp wretr wredis status weight act bck'.split(' '),
  ...'chkfail chkdown lastchg downtime qlimit pid iid sid throttle lbtot tracked type rate rate_lim rate_max'.split(' '),
  ...'check_status check_code check_duration hrsp_1xx hrsp_2xx hrsp_3xx hrsp_4xx hrsp_5xx hrsp_other hanafail'.split(' '),
  ...'req_rate req_rate_max req_tot cli_abrt srv_abrt comp_in comp_out comp_byp comp_rsp lastsess last_chk last_agt'.split(' '),
  ...'qtime ctime rtime ttime agent_status agent_code agent_duration check_desc agent_desc'.split(' '),
  ...'check_rise check_fall check_health agent_rise agent_fall agent_health addr cookie mode algo'.split(' '),
  ...'conn_rate conn_rate_max conn_tot intercepted dcon dses wrew connect reuse cache_lookups cache_hits'.split(' '),
  ...'srv_icur src_ilim qtime_max ctime_max rtime_max ttime_max eint'.split(' '),
  ...'idle_conn_cur safe_conn_cur used_conn_cur need_conn_est uweight'.split(' '),
  ...'agg_server_status agg_server_check_status agg_check_status -'.split(' '),
  ...'ssl_sess ssl_reused_sess ssl_failed_handshake'.split(' '),
  ...'h2_headers_rcvd h2_data_rcvd h2_settings_rcvd h2_rst_stream_rcvd h2_goaway_rcvd'.split(' '),
  ...'h2_detected_conn_protocol_errors h2_detected_strm_protocol_errors h2_rst_stream_resp h2_goaway_resp'.split(' '),
  ...'h2_open_connections h2_backend_open_streams h2_total_connections h2_backend_total_streams'.split(' '),
  ...'h1_open_connections h1_open_streams h1_total_connections h1_total_streams'.split(' '),
  ...'h1_bytes_in h1_bytes_out h1_spliced_bytes_in h1_spliced_bytes_out'.split(' '),
];

type StatRow = Readonly<Record<string, string | number>>;

const checkDescriptions = {
  L7OK: 'Layer7 check passed',
  L7STS: 'Layer7 wrong status',
  L7TOUT: 'Layer7 timeout',
  L4CON: 'Layer4 connection problem',
} as const;

export interface StatSource {
  readonly backend: string;
  readonly servers: readonly PoolServer[];
  /** Requests of clients: in hand now, and all so far. */
  readonly frontend: {readonly current: number; readonly total: number};
}

/** Which rows: bits 1 frontends, 2 backends, 4 servers, as the `type` of `show stat`. */
export function formatStats({backend, servers, frontend}: StatSource, types: number): string {
  const sum = (of: (server: PoolServer) => number) => servers.reduce((total, server) => total + of(server), 0);
  const up = servers.filter((server) => server.takesRequests);
  const rows: StatRow[] = [];
  if ((types & 1) !== 0) {
    const {current, total} = frontend;
    rows.push({
      pxname: 'http',
      svname: 'FRONTEND',
      scur: current,
      slim: 524287,
      stot: total,
      status: 'OPEN',
      pid: 1,
      iid: 2,
      sid: 0,
      type: 0,
      req_tot: total,
      mode: 'http',
    });
  }
  if ((types & 4) !== 0) rows.push(...servers.map((server, index) => describeServer(backend, server, index + 1)));
  if ((types & 2) !== 0) {
    rows.push({
      pxname: backend,
      svname: 'BACKEND',
      qcur: 0,
      qmax: 0,
      scur: sum(({counters}) => counters.current),
      stot: sum(({counters}) => counters.total),
      status: up.length > 0 ? 'UP' : 'DOWN',
      weight: up.reduce((total, server) => total + server.weight, 0),
      act: up.length,
      bck: 0,
      pid: 1,
      iid: 3,
      sid: 0,
      lbtot: sum(({counters}) => counters.total),
      type: 1,
      mode: 'http',
      algo: 'roundrobin',
    });
  }
  const lines = rows.map((row) => statColumns.map((column) => (column === '-' ? '-' : (row[column] ?? ''))).join(','));
  return [`# ${statColumns.join(',')}`, ...lines].map((line) => `${line},\n`).join('');
}

/** `UP`, `UP 1/2` (failing), `DOWN`, `DRAIN`, `MAINT`, as HAProxy words them. */
export function describeStatus(server: PoolServer): string {
  if (server.admin === 'maint') return 'MAINT';
  if (!server.isUp) return server.health === 0 ? 'DOWN' : `DOWN ${server.health}/${checkRise}`;
  const word = server.admin === 'drain' || server.weight === 0 ? 'DRAIN' : 'UP';
  const left = server.health - checkRise + 1;
  return left < checkFall ? `${word} ${left}/${checkFall}` : word;
}

function describeServer(backend: string, server: PoolServer, sid: number): StatRow {
  const {counters, lastCheck} = server;
  const [hrsp_1xx, hrsp_2xx, hrsp_3xx, hrsp_4xx, hrsp_5xx] = counters.answers;
  return {
    pxname: backend,
    svname: server.name,
    qcur: 0,
    qmax: 0,
    scur: counters.current,
    smax: counters.most,
    stot: counters.total,
    econ: counters.connectErrors,
    eresp: counters.responseErrors,
    wretr: counters.retries,
    wredis: counters.redispatches,
    status: describeStatus(server),
    weight: server.weight,
    act: 1,
    bck: 0,
    chkfail: counters.failedChecks,
    chkdown: counters.timesDown,
    lastchg: server.secondsSinceChange,
    pid: 1,
    iid: 3,
    sid,
    lbtot: counters.total,
    type: 2,
    ...(lastCheck && {
      check_status: lastCheck.status,
      check_code: lastCheck.code ?? '',
      check_duration: lastCheck.durationMs,
      check_desc: checkDescriptions[lastCheck.status],
    }),
    ...{hrsp_1xx, hrsp_2xx, hrsp_3xx, hrsp_4xx, hrsp_5xx, hrsp_other: 0, req_tot: counters.total},
    check_rise: checkRise,
    check_fall: checkFall,
    check_health: server.health,
    addr: `${server.endpoint.address}:${server.endpoint.port}`,
    mode: 'http',
    uweight: server.weight,
  };
}

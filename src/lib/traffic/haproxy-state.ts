import type {Rotation} from './balancer.js';
import {splitCsvLine} from './haproxy-csv.js';

/** One server of a backend, from `show servers state` and `show stat` together. */
export interface HaproxyServer {
  readonly name: string;
  readonly backend: string;
  /** IP address; `-` and empty where HAProxy has none. */
  readonly address: string;
  readonly port: number;
  /** Name the address was resolved from, when there is one. */
  readonly fqdn?: string;
  /** 0 stopped, 1 starting (slowstart: takes traffic), 2 running, 3 stopping. */
  readonly operState: number;
  readonly adminState: number;
  /** Now; 0 takes no new traffic. */
  readonly weight: number;
  /** As configured. */
  readonly fullWeight: number;
}

export interface HaproxyCounters {
  readonly queued: number;
  readonly sessions: number;
  readonly backup: boolean;
  /** What the balancer's own health check last said, `L4CON Connection refused`; empty without checks. */
  readonly check: string;
}

/**
 * Bits of `srv_admin_state`: forced by command, inherited from a tracked server, name not resolved. 0x04 (disabled in
 * the configuration) is not among them: it stays set after `set server … state ready`, and 0x01 tells the truth.
 */
const maintenanceBits = 0x01 | 0x02 | 0x20;
/** Forced by command, inherited. */
const drainBits = 0x08 | 0x10;

/** What HAProxy does with the server. */
export function readServerState(server: HaproxyServer): Exclude<Rotation['state'], 'absent'> {
  if ((server.adminState & maintenanceBits) !== 0) return 'out';
  if ((server.adminState & drainBits) !== 0) return 'draining';
  if (server.operState === 0) return 'down';
  if (server.operState === 3 || server.weight === 0) return 'draining';
  return 'in';
}

/** What was ordered through the socket, as opposed to inherited or caused by health checks. */
export function readOrder(server: HaproxyServer): 'maint' | 'drain' | 'ready' {
  if ((server.adminState & 0x01) !== 0) return 'maint';
  return (server.adminState & 0x08) !== 0 ? 'drain' : 'ready';
}

/**
 * `show servers state [backend]`: the version line `1`, a `#` header, one server a line. Undefined when the text is
 * anything else (an error message, a format of another version).
 */
export function parseServersState(text: string): HaproxyServer[] | undefined {
  const lines = text.split('\n');
  if (lines[0]?.trim() !== '1' || !lines[1]?.startsWith('# ')) return undefined;
  const names = lines[1].slice(2).trim().split(' ');
  const servers: HaproxyServer[] = [];
  for (const line of lines.slice(2)) {
    if (line.trim() === '') continue;
    const fields = line.trim().split(' ');
    const field = (name: string): string | undefined => fields[names.indexOf(name)];
    const name = field('srv_name');
    const backend = field('be_name');
    const operState = Number(field('srv_op_state'));
    const adminState = Number(field('srv_admin_state'));
    const weight = Number(field('srv_uweight'));
    if (name === undefined || backend === undefined || ![operState, adminState, weight].every(Number.isInteger)) return undefined;
    const fullWeight = Number(field('srv_iweight') ?? weight);
    const fqdn = field('srv_fqdn');
    servers.push({
      name,
      backend,
      address: field('srv_addr') ?? '-',
      port: Number(field('srv_port') ?? 0),
      ...(fqdn === undefined || fqdn === '-' ? {} : {fqdn}),
      operState,
      adminState,
      weight,
      fullWeight,
    });
  }
  return servers;
}

/** `show stat <backend> 4 -1` (CSV), by server name. Undefined when the text is not such a table. */
export function parseServerCounters(text: string): Map<string, HaproxyCounters> | undefined {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  if (!lines[0]?.startsWith('# ')) return undefined;
  const names = splitCsvLine(lines[0].slice(2));
  const [name, queued, sessions, backup] = ['svname', 'qcur', 'scur', 'bck'].map((column) => names.indexOf(column));
  if (name === undefined || queued === undefined || sessions === undefined || backup === undefined) return undefined;
  if ([name, queued, sessions, backup].includes(-1)) return undefined;
  const counters = new Map<string, HaproxyCounters>();
  for (const line of lines.slice(1)) {
    const fields = splitCsvLine(line);
    const server = fields[name];
    const counted = {queued: Number(fields[queued] || Number.NaN), sessions: Number(fields[sessions] || Number.NaN)};
    if (server === undefined || !Number.isInteger(counted.queued) || !Number.isInteger(counted.sessions)) return undefined;
    const check = ['check_status', 'last_chk'].map((column) => fields[names.indexOf(column)] ?? '').join(' ');
    counters.set(server, {...counted, backup: fields[backup] === '1', check: check.trim()});
  }
  return counters;
}

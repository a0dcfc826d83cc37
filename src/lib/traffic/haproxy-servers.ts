import {isIP} from 'node:net';
import type {Host} from '../inventory/host.js';
import type {HaproxyServer} from './haproxy-state.js';

export type ServerMatch =
  | {readonly kind: 'found'; readonly server: HaproxyServer}
  | {readonly kind: 'absent' | 'contradicted' | 'ambiguous'; readonly problem: string};

export interface ServerSearch {
  readonly host: Host;
  readonly balancer: string;
  readonly backend: string;
  /** Host name -> server name, where the operator says so. */
  readonly servers: Readonly<Record<string, string>>;
  /** Servers of the balancer; those of other backends only serve to explain. */
  readonly known: readonly HaproxyServer[];
  /** `sure` leaves out first labels and addresses: in another silo, both may well be those of another machine. */
  readonly by: 'anything' | 'sure';
}

/**
 * Which server of the backend a host is: by the operator's map; else by the host's name or its first label; else by its
 * address. A name is contradicted when the host's address belongs to another server of the backend alone: the names
 * are crossed, and draining would take the wrong machine out. An address that no server has proves nothing, because SSH may
 * use a management network.
 */
export function matchServer({host, balancer, backend, servers, known, by}: ServerSearch): ServerMatch {
  const candidates = known.filter((server) => server.backend === backend);
  const where = `backend "${backend}" of ${balancer}`;
  const list = candidates.map((server) => server.name).join(', ') || 'none';
  const mapped = Object.hasOwn(servers, host.name) ? servers[host.name] : undefined;
  if (mapped !== undefined) {
    const server = candidates.find((candidate) => candidate.name === mapped);
    if (server !== undefined) return {kind: 'found', server};
    return {kind: 'absent', problem: `host ${host.name} is mapped to server "${mapped}", which is not in ${where}; servers: ${list}`};
  }
  const label = by === 'anything' && isIP(host.name) === 0 ? host.name.split('.')[0] : undefined;
  const named = candidates.find((server) => server.name === host.name) ?? candidates.find((server) => server.name === label);
  const placed = candidates.filter((server) => (by === 'anything' && hasAddress(server, host)) || server.fqdn === host.name);
  if (named !== undefined) {
    const [other] = placed;
    if (other === undefined || placed.includes(named)) return {kind: 'found', server: named};
    const problem =
      `host ${host.name} has the name of server "${named.name}" (${formatAddress(named)}) and the address of server "${other.name}" ` +
      `(${formatAddress(other)}) in ${where}; say which in drain.haproxy.servers`;
    return {kind: 'contradicted', problem};
  }
  const [only, second] = placed;
  if (only === undefined) return {kind: 'absent', problem: `host ${host.name} has no server in ${where}; servers: ${list}`};
  if (second === undefined) return {kind: 'found', server: only};
  const elsewhere = known.filter((server) => server.backend !== backend && hasAddress(server, host));
  const also = elsewhere.length === 0 ? '' : ` (also ${elsewhere.map((server) => `${server.backend}/${server.name}`).join(', ')})`;
  const several = placed.map((server) => `${server.name} (${formatAddress(server)})`).join(', ');
  const problem = `host ${host.name} has the address of ${placed.length} servers in ${where}: ${several}${also}; say which in drain.haproxy.servers`;
  return {kind: 'ambiguous', problem};
}

function hasAddress(server: HaproxyServer, host: Host): boolean {
  const places = [host.name, host.ssh.address].filter((place) => place !== undefined);
  return places.some((place) => server.address === place || server.fqdn === place);
}

function formatAddress(server: HaproxyServer): string {
  return isIP(server.address) === 6 ? `[${server.address}]:${server.port}` : `${server.address}:${server.port}`;
}

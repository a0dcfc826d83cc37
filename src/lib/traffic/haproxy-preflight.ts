import {DroverError} from '../errors/drover-error.js';
import type {Ramp} from '../inventory/app.js';
import type {Warn} from './balancer.js';
import {adviseOn} from './haproxy-advice.js';
import type {HaproxyBackend} from './haproxy-backend.js';
import {isOwn, matchAt, type SeatSearch} from './haproxy-rotation.js';
import type {HaproxyServer} from './haproxy-state.js';

export interface Examination {
  readonly balancers: readonly HaproxyBackend[];
  /** One for each host of the run. */
  readonly searches: readonly SeatSearch[];
  readonly ramp: Ramp | undefined;
  readonly warn: Warn;
  readonly signal: AbortSignal;
}

/**
 * Warns of what will surprise, where nothing is wrong. Everything that would make a drain fail later, a line each: a balancer that does not answer or may not change
 * anything, a backend it lacks, a host that is none or more than one of its servers, two hosts that are the same server.
 */
export async function examineBalancers({balancers, searches, ramp, warn, signal}: Examination): Promise<readonly string[]> {
  const problems: string[] = [];
  const known = new Map<HaproxyBackend, readonly HaproxyServer[]>();
  const answers = await Promise.all(balancers.map(async (at) => ({at, found: await readFully(at, signal)})));
  for (const {at, found} of answers) {
    if (typeof found === 'string') problems.push(found);
    else known.set(at, found);
  }
  const complete = known.size === balancers.length;
  for (const search of searches) problems.push(...examineHost(search, known, complete));
  for (const [at, servers] of known) problems.push(...findShared(searches, at, servers));
  if (problems.length === 0) for (const [at, servers] of known) await adviseOn({at, servers, searches, ramp, warn, signal});
  return [...new Set(problems)];
}

async function readFully(at: HaproxyBackend, signal: AbortSignal): Promise<readonly HaproxyServer[] | string> {
  try {
    await at.provePermission(signal);
    const servers = await at.readAllServers(signal);
    if (!servers.some((server) => server.backend === at.name)) {
      const backends = [...new Set(servers.map((server) => server.backend))].join(', ') || 'none';
      return `${at.host.name} has no backend "${at.name}" with servers; backends: ${backends}`;
    }
    await at.read(signal);
    return servers;
  } catch (error) {
    if (!(error instanceof DroverError)) throw error;
    const [{message, fix}] = error.problems;
    const named = message.includes(at.host.name) ? message : `balancer ${at.host.name}: ${message}`;
    return fix === undefined ? named : `${named}; ${fix}`;
  }
}

/** With several backends, a host needs to be in one of them at each balancer of its silo. */
function examineHost(search: SeatSearch, known: ReadonlyMap<HaproxyBackend, readonly HaproxyServer[]>, complete: boolean): string[] {
  const matches = [...known].map(([at, servers]) => ({at, own: isOwn(at, search), match: matchAt(search, at, servers)}));
  const seated = new Set(matches.flatMap(({at, match}) => (match.kind === 'found' ? [at.host] : [])));
  const problems: string[] = [];
  for (const {at, own, match} of matches) {
    if (match.kind === 'found' || (match.kind === 'absent' && (!own || seated.has(at.host)))) continue;
    problems.push(match.problem);
  }
  if (seated.size > 0 || problems.length > 0 || !complete) return problems;
  return matches.flatMap(({match}) => (match.kind === 'found' ? [] : [match.problem]));
}

function findShared(searches: readonly SeatSearch[], at: HaproxyBackend, servers: readonly HaproxyServer[]): string[] {
  const holders = new Map<string, string>();
  const problems: string[] = [];
  for (const search of searches) {
    const match = matchAt(search, at, servers);
    if (match.kind !== 'found') continue;
    const holder = holders.get(match.server.name);
    if (holder === undefined) holders.set(match.server.name, search.host.name);
    else {
      const server = `server "${match.server.name}" in backend "${at.name}" of ${at.host.name}`;
      problems.push(`hosts ${holder} and ${search.host.name} are both ${server}; say which is which in drain.haproxy.servers`);
    }
  }
  return problems;
}

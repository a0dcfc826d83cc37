import type {Ramp} from '../inventory/app.js';
import type {Warn} from './balancer.js';
import type {HaproxyBackend} from './haproxy-backend.js';
import {matchAt, type SeatSearch} from './haproxy-rotation.js';
import type {HaproxyServer} from './haproxy-state.js';
import {parseBackendTraits} from './haproxy-traits.js';

export interface Advice {
  readonly at: HaproxyBackend;
  /** Servers of every backend there. */
  readonly servers: readonly HaproxyServer[];
  readonly searches: readonly SeatSearch[];
  readonly ramp: Ramp | undefined;
  readonly warn: Warn;
  readonly signal: AbortSignal;
}

/** What stops no run and will surprise in one: as far as the runtime API shows it. */
export async function adviseOn(advice: Advice): Promise<void> {
  const {at, warn, signal} = advice;
  const where = `backend "${at.name}" of ${at.host.name}`;
  const say = (message: string): Promise<void> => warn({host: at.host.name, message});
  const traits = parseBackendTraits(await at.ask(`show stat ${at.name} 2 -1`, signal));
  const table = (await at.ask('show table', signal)).split('\n').some((line) => line.startsWith(`# table: ${at.name},`));
  const sticky = [...(traits.cookie === undefined ? [] : [`cookie ${traits.cookie}`]), ...(table ? ['a stick table'] : [])].join(' and ');
  if (sticky !== '') {
    await say(
      `${where} has ${sticky}: a host that drains still gets the clients that are bound to it, until it goes into maintenance after drain.wait`,
    );
  }
  await adviseOnSharing(advice, say);
  await adviseOnRamp(advice, traits.algorithm, say);
}

type Say = (message: string) => Promise<void>;

/** A host that stays in rotation elsewhere gets requests while it is restarted. */
async function adviseOnSharing({at, servers, searches}: Advice, say: Say): Promise<void> {
  const [first] = searches;
  if (first === undefined) return;
  const drained = new Set(first.balancers.filter(({host}) => host === at.host).map(({name}) => name));
  const shared = new Map<string, string[]>();
  for (const search of searches) {
    const match = matchAt(search, at, servers);
    if (match.kind !== 'found') continue;
    const {address, port} = match.server;
    const others = servers.filter((other) => !drained.has(other.backend) && other.address === address && other.port === port);
    for (const {backend} of others) shared.set(backend, [...(shared.get(backend) ?? []), search.host.name]);
  }
  for (const [backend, hosts] of shared) {
    const names = hosts.length > 3 ? `${hosts.slice(0, 3).join(', ')} and ${hosts.length - 3} more` : hosts.join(', ');
    await say(
      `${names}: also in backend "${backend}" of ${at.host.name} with the same address and port, and never drained there; write backend: [${[...drained, backend].join(', ')}] if it should be`,
    );
  }
}

async function adviseOnRamp({at, servers, ramp}: Advice, algorithm: string | undefined, say: Say): Promise<void> {
  const lowest = ramp?.steps[0];
  if (lowest === undefined || lowest === 100) return;
  const where = `backend "${at.name}" of ${at.host.name}`;
  if (algorithm === 'static-rr')
    await say(`no ramp in ${where}: balance static-rr takes the whole weight or nothing; use roundrobin or leastconn`);
  const light = servers.filter(({backend, fullWeight}) => backend === at.name && Math.floor((fullWeight * lowest) / 100) === 0);
  const [server] = light;
  if (server !== undefined) {
    await say(
      `no ramp for ${light.length === 1 ? server.name : `${light.length} servers`} in ${where}: ${lowest}% of weight ${server.fullWeight} is none; write "weight 100" in haproxy.cfg`,
    );
  }
}

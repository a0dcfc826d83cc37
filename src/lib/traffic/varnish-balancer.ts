import {isIP} from 'node:net';
import {DroverError} from '../errors/drover-error.js';
import type {Link} from '../host/link.js';
import type {Drain} from '../inventory/app.js';
import type {Host} from '../inventory/host.js';
import type {Balancer, Rotation, Warn} from './balancer.js';
import {drainEverywhere} from './everywhere.js';
import type {Pause} from './pause.js';
import {type CacheView, makeVarnishPlace, readSight, VarnishCache} from './varnish-cache.js';

export interface VarnishOptions {
  readonly drain: Extract<Drain, {kind: 'varnish'}>;
  readonly balancerHosts: readonly Host[];
  readonly open: (host: Host, signal: AbortSignal) => Promise<Link>;
  readonly sleep: Pause;
  readonly warn: Warn;
  /** How long probes may take to find an admitted host healthy. */
  readonly admitTimeoutMs?: number;
}

const pollMs = 300;

interface Seen {
  readonly cache: VarnishCache;
  readonly view: CacheView;
}

/**
 * A drained host's backend is `sick` by order. Admitting it always means `auto`, whatever it was before: a backend that an operator forced
 * to be healthy would get requests when it is dead.
 */
export function createVarnishBalancer({drain, balancerHosts, open, sleep, warn, admitTimeoutMs = 30_000}: VarnishOptions): Balancer {
  const caches = balancerHosts.map((at) => new VarnishCache(at, {drain, open}));
  const isOwn = (at: Host, host: Host): boolean => at.silo === host.silo || !balancerHosts.some(({silo}) => silo === host.silo);
  const nameAt = ({cache, view}: Seen, host: Host): string | undefined => {
    const names = namesOf(host, drain.backends, isOwn(cache.at, host));
    return view.backends.find(({name}) => names.includes(name))?.name;
  };

  const viewAll = (signal: AbortSignal): Promise<readonly Seen[]> =>
    Promise.all(caches.map(async (cache) => ({cache, view: await cache.view(signal)})));

  const findPlaces = async (host: Host, signal: AbortSignal) => {
    const found = (await viewAll(signal)).flatMap((seen) => {
      const backend = nameAt(seen, host);
      return backend === undefined ? [] : [{cache: seen.cache, backend}];
    });
    if (found.length > 0) return found;
    throw new DroverError({
      code: 'refused',
      host: host.name,
      message: `host ${host.name} has no backend in the VCL of ${balancerHosts.map(({name}) => name).join(', ')}`,
      fix: 'name it in drain.varnish.backends, or add it to the VCL',
    });
  };

  const admit = async (host: Host, signal: AbortSignal): Promise<void> => {
    const places = await findPlaces(host, signal);
    for (const {cache, backend} of places) await cache.setHealth(backend, 'auto', signal);
    const deadline = AbortSignal.timeout(admitTimeoutMs);
    while (true) {
      const states = await Promise.all(
        places.map(async ({cache, backend}) => ({at: cache.at.name, state: readState(await cache.view(signal), backend)})),
      );
      const missing = states.filter(({state}) => state !== 'in');
      if (missing.length === 0) return;
      if (deadline.aborted) {
        throw new DroverError({
          code: 'unhealthy',
          host: host.name,
          message: `${host.name} is not up ${admitTimeoutMs / 1000} s after its backend was set to auto: ${missing.map(({at, state}) => `${state} at ${at}`).join(', ')}`,
          fix: `look at its probe, then: drover health ${host.name}`,
        });
      }
      await sleep(pollMs, signal);
    }
  };

  return {
    kind: 'varnish',
    preflight: async (hosts, signal) => {
      if (caches.length === 0) return [`no host is selected by drain.varnish.on "${drain.on}"`];
      const seen = await Promise.all(caches.map((cache) => viewOrWhy(cache, signal)));
      const failures = seen.filter((each) => typeof each === 'string');
      if (failures.length > 0) return failures;
      return findProblems(
        seen.filter((each) => typeof each !== 'string'),
        {hosts, nameAt, isOwn, warn},
      );
    },
    read: async (hosts, signal) => {
      const seen = await viewAll(signal);
      return hosts.map((host) =>
        readRotation(
          host,
          seen.map((each) => ({view: each.view, backend: nameAt(each, host)})),
        ),
      );
    },
    drain: async (host, signal) => {
      const places = (await findPlaces(host, signal)).map(({cache, backend}) => makeVarnishPlace(cache, backend));
      return drainEverywhere({host, places, drain, sleep, warn, signal});
    },
    admit,
  };
}

/** What a host's backend may be called: as the operator says; else its name, at caches of its silo also its first label, with `_` for what VCL does not allow. */
function namesOf(host: Host, map: Readonly<Record<string, string>>, isOwn: boolean): readonly string[] {
  const mapped = Object.hasOwn(map, host.name) ? map[host.name] : undefined;
  if (mapped !== undefined) return [mapped];
  const label = isIP(host.name) === 0 ? (host.name.split('.')[0] ?? host.name) : host.name;
  const names = isOwn ? [host.name, label] : [host.name];
  return names.flatMap((name) => [name, name.replace(/[^A-Za-z0-9_]/g, '_')]);
}

async function viewOrWhy(cache: VarnishCache, signal: AbortSignal): Promise<Seen | string> {
  try {
    return {cache, view: await cache.view(signal)};
  } catch (error) {
    if (!(error instanceof DroverError)) throw error;
    return error.message.includes(cache.at.name) ? error.message : `balancer ${cache.at.name}: ${error.message}`;
  }
}

async function findProblems(
  seen: readonly Seen[],
  about: {
    readonly hosts: readonly Host[];
    readonly nameAt: (seen: Seen, host: Host) => string | undefined;
    readonly isOwn: (at: Host, host: Host) => boolean;
    readonly warn: Warn;
  },
): Promise<readonly string[]> {
  const {hosts, nameAt, isOwn, warn} = about;
  const problems: string[] = [];
  for (const each of seen) {
    const at = each.cache.at;
    const list = each.view.backends.map(({name}) => name).join(', ') || 'none';
    const holders = new Map<string, string>();
    for (const host of hosts) {
      const backend = nameAt(each, host);
      const holder = backend === undefined ? undefined : holders.get(backend);
      if (backend === undefined) {
        if (isOwn(at, host))
          problems.push(
            `host ${host.name} has no backend in the active VCL of ${at.name}; backends: ${list}; say which in drain.varnish.backends`,
          );
      } else if (holder === undefined) holders.set(backend, host.name);
      else
        problems.push(
          `hosts ${holder} and ${host.name} are both backend ${backend} of ${at.name}; say which is which in drain.varnish.backends`,
        );
    }
    if (each.view.connections === undefined) {
      await warn({
        host: at.name,
        message: `varnishstat cannot be read on ${at.name}: connections are not counted, and every drain waits all of drain.wait; set drain.varnish.stat`,
      });
    }
  }
  return problems;
}

function readState({backends, connections}: CacheView, name: string): Rotation['state'] {
  const own = backends.find((backend) => backend.name === name);
  if (own === undefined) return 'absent';
  if (own.admin === 'sick') return (connections?.get(name) ?? 0) > 0 ? 'draining' : 'out';
  return own.isHealthy || own.admin === 'healthy' ? 'in' : 'down';
}

function readRotation(host: Host, seen: readonly {readonly view: CacheView; readonly backend: string | undefined}[]): Rotation {
  const known = seen.flatMap(({view, backend}) => (backend === undefined ? [] : [{view, backend}]));
  const sessions = known.reduce((sum, {view, backend}) => sum + (readSight(view, backend).sessions ?? 0), 0);
  const states = new Set(known.map(({view, backend}) => readState(view, backend)));
  const [only] = states;
  if (only === undefined) return {host, state: 'absent', sessions};
  if (states.size === 1) return {host, state: only, sessions};
  return {host, state: states.has('draining') || (states.has('in') && states.has('out')) ? 'draining' : 'down', sessions};
}

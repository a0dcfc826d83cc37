import {DroverError} from '../errors/drover-error.js';
import type {Link} from '../host/link.js';
import type {Drain} from '../inventory/app.js';
import type {Host} from '../inventory/host.js';
import type {Balancer, Rotation, Warn} from './balancer.js';
import {drainEverywhere, type Place} from './everywhere.js';
import {chooseServers, makeNginxPlace, NginxUpstream, readSight, remoteOf, type UpstreamView} from './nginx-place.js';
import type {Pause} from './pause.js';

export interface NginxOptions {
  readonly drain: Extract<Drain, {kind: 'nginx'}>;
  readonly balancerHosts: readonly Host[];
  readonly open: (host: Host, signal: AbortSignal) => Promise<Link>;
  readonly sleep: Pause;
  readonly warn: Warn;
  /** How long nginx may take to have new workers after a reload. */
  readonly reloadSeconds?: number;
}

/** nginx has no runtime API: hosts are marked `down` in a file that it includes, and it is reloaded. It does not say which hosts it finds dead. */
export function createNginxBalancer({drain, balancerHosts, open, sleep, warn, reloadSeconds = 10}: NginxOptions): Balancer {
  const upstreams = balancerHosts.map((at) => new NginxUpstream(at, {drain, reloadSeconds, open}));
  const isOwn = (at: Host, host: Host): boolean => at.silo === host.silo || !balancerHosts.some(({silo}) => silo === host.silo);
  const choose = (view: UpstreamView, at: Host, host: Host) =>
    chooseServers(view.servers, host, {map: drain.servers, isOwn: isOwn(at, host)});

  const viewAll = async (hosts: readonly Host[], signal: AbortSignal) =>
    Promise.all(
      upstreams.map(async (upstream) => {
        const view = await upstream.view([], signal);
        const remotes = hosts.flatMap((host) => choose(view, upstream.at, host).map(({address}) => remoteOf(address)));
        return {upstream, view: remotes.length === 0 ? view : await upstream.view([...new Set(remotes)], signal)};
      }),
    );

  const takePlaces = async (host: Host, signal: AbortSignal): Promise<readonly Place[]> => {
    const views = await viewAll([], signal);
    const places = views.flatMap(({upstream, view}) =>
      choose(view, upstream.at, host).length === 0 ? [] : [makeNginxPlace(host, upstream, isOwn(upstream.at, host))],
    );
    if (places.length > 0) return places;
    throw new DroverError({
      code: 'refused',
      host: host.name,
      message: `host ${host.name} has no server in upstream "${drain.upstream}" of ${balancerHosts.map(({name}) => name).join(', ')}`,
      fix: `name it in drain.nginx.servers, or add it to ${drain.file}`,
    });
  };

  return {
    kind: 'nginx',
    preflight: async (hosts, signal) => {
      if (upstreams.length === 0) return [`no host is selected as balancer by drain.nginx.on "${drain.on}"`];
      const failures = await Promise.all(upstreams.map((upstream) => examine(upstream, warn, signal)));
      const problems = failures.filter((failure) => failure !== undefined);
      if (problems.length > 0) return problems;
      return findProblems({drain, hosts, views: await viewAll([], signal), isOwn});
    },
    read: async (hosts, signal) => {
      const views = await viewAll(hosts, signal);
      return hosts.map((host) =>
        readRotation(
          host,
          views.map(({upstream, view}) => ({view, own: choose(view, upstream.at, host)})),
        ),
      );
    },
    drain: async (host, signal) => drainEverywhere({host, places: await takePlaces(host, signal), drain, sleep, warn, signal}),
    admit: async (host, signal) => {
      for (const place of await takePlaces(host, signal)) {
        if ((await place.look(signal)).order !== 'in') await place.putBack(signal);
      }
    },
  };
}

async function examine(upstream: NginxUpstream, warn: Warn, signal: AbortSignal): Promise<string | undefined> {
  try {
    return await upstream.examine((message) => warn({host: upstream.at.name, message}), signal);
  } catch (error) {
    if (!(error instanceof DroverError)) throw error;
    return error.message.includes(upstream.at.name) ? error.message : `balancer ${upstream.at.name}: ${error.message}`;
  }
}

/** Hosts that are no server of a balancer of their silo, and lines that two hosts would share. */
function findProblems({
  drain,
  hosts,
  views,
  isOwn,
}: {
  readonly drain: NginxOptions['drain'];
  readonly hosts: readonly Host[];
  readonly views: readonly {readonly upstream: NginxUpstream; readonly view: UpstreamView}[];
  readonly isOwn: (at: Host, host: Host) => boolean;
}): readonly string[] {
  const problems: string[] = [];
  for (const {upstream, view} of views) {
    const where = `upstream "${drain.upstream}" of ${upstream.at.name} (${drain.file})`;
    const list = view.servers.map(({address}) => address).join(', ') || 'none';
    const holders = new Map<string, string>();
    for (const host of hosts) {
      const own = chooseServers(view.servers, host, {map: drain.servers, isOwn: isOwn(upstream.at, host)});
      if (own.length === 0 && isOwn(upstream.at, host))
        problems.push(`host ${host.name} has no server in ${where}; servers: ${list}; say which in drain.nginx.servers`);
      for (const {address} of own) {
        const holder = holders.get(address);
        if (holder === undefined) holders.set(address, host.name);
        else if (holder !== host.name) {
          problems.push(
            `hosts ${holder} and ${host.name} are both server ${address} in ${where}; say which is which in drain.nginx.servers`,
          );
        }
      }
    }
  }
  return problems;
}

function readRotation(
  host: Host,
  seen: readonly {readonly view: UpstreamView; readonly own: readonly {readonly address: string}[]}[],
): Rotation {
  const sights = seen.flatMap(({view, own}) => {
    const addresses = new Set(own.map(({address}) => address));
    return own.length === 0 ? [] : [readSight(view, {choose: (servers) => servers.filter(({address}) => addresses.has(address))})];
  });
  const sessions = sights.reduce((sum, sight) => sum + (sight.sessions ?? 0), 0);
  const orders = new Set(sights.map(({order}) => order));
  const [only] = orders;
  if (only === undefined) return {host, state: 'absent', sessions};
  if (orders.size > 1 || only === 'moving') return {host, state: 'draining', sessions};
  return {host, state: only === 'out' && sessions > 0 ? 'draining' : only, sessions};
}

import {DroverError} from '../errors/drover-error.js';
import type {Link} from '../host/link.js';
import type {Drain} from '../inventory/app.js';
import type {Host} from '../inventory/host.js';
import type {Balancer, Rotation} from './balancer.js';
import {HaproxyBackend} from './haproxy-backend.js';
import {drainSeats} from './haproxy-drain.js';
import {examineBalancers} from './haproxy-preflight.js';
import {findSeats, readBackends, readRotation, refreshSeats, type Seat, type SeatSearch} from './haproxy-rotation.js';
import {readOrder, readServerState} from './haproxy-state.js';
import type {Pause} from './pause.js';

export interface HaproxyOptions {
  readonly drain: Extract<Drain, {kind: 'haproxy'}>;
  readonly balancerHosts: readonly Host[];
  readonly open: (host: Host, signal: AbortSignal) => Promise<Link>;
  readonly sleep: Pause;
  /** How long HAProxy may take to see an admitted server as up. */
  readonly admitTimeoutMs?: number;
}

const pollMs = 150;
/** What HAProxy allows in names; anything else could end one command and begin another. */
const haproxyName = /^[-\w.:]+$/;

export function createHaproxyBalancer({drain, balancerHosts, open, sleep, admitTimeoutMs = 30_000}: HaproxyOptions): Balancer {
  for (const name of [drain.backend, ...Object.values(drain.servers)]) {
    if (haproxyName.test(name)) continue;
    throw new DroverError({
      code: 'invalid-file',
      message: `"${name}" is not a name in HAProxy`,
      fix: 'use letters, digits and - _ . : only',
    });
  }
  const balancers = balancerHosts.map((host) => new HaproxyBackend(host, {socket: drain.socket, backend: drain.backend, open}));
  const search = (host: Host): SeatSearch => ({host, balancers, backend: drain.backend, servers: drain.servers});

  const takeSeats = async (host: Host, signal: AbortSignal): Promise<readonly Seat[]> => {
    const seats = findSeats(search(host), await readBackends(balancers, signal));
    if (seats.length > 0) return seats;
    const names = balancers.map((balancer) => balancer.host.name).join(', ') || 'any balancer';
    throw new DroverError({
      code: 'refused',
      host: host.name,
      message: `host ${host.name} has no server in backend "${drain.backend}" of ${names}`,
      fix: 'name it in drain.haproxy.servers, or add it to haproxy.cfg',
    });
  };

  const admit = async (host: Host, signal: AbortSignal): Promise<void> => {
    let seats = await takeSeats(host, signal);
    const deadline = AbortSignal.timeout(admitTimeoutMs);
    for (const {at, server} of seats) {
      if (readOrder(server) !== 'ready') await at.setState(server.name, 'ready', signal);
    }
    const reminded = new Set<HaproxyBackend>();
    while (true) {
      seats = await refreshSeats(seats, signal);
      const missing = seats.filter(({server}) => readServerState(server) !== 'in');
      if (missing.length === 0) return;
      if (deadline.aborted) throw notUp(host, missing, admitTimeoutMs);
      for (const {at, server} of missing) {
        if (readOrder(server) === 'ready' || reminded.has(at)) continue;
        reminded.add(at);
        await at.setState(server.name, 'ready', signal);
      }
      await sleep(pollMs, signal);
    }
  };

  return {
    kind: 'haproxy',
    preflight: async (hosts, signal) => {
      if (balancers.length === 0) return [`no host is selected as balancer by drain.haproxy.on "${drain.on}"`];
      return examineBalancers({balancers, backend: drain.backend, searches: hosts.map(search), signal});
    },
    read: async (hosts, signal) => {
      const readings = await readBackends(balancers, signal);
      return hosts.map((host): Rotation => readRotation(host, findSeats(search(host), readings)));
    },
    drain: async (host, signal) => drainSeats({host, seats: await takeSeats(host, signal), drain, sleep, signal}),
    admit,
  };
}

function notUp(host: Host, missing: readonly Seat[], waitedMs: number): DroverError {
  const views = missing.map(({at, server}) => {
    const check = server.check === '' ? '' : ` (${server.check})`;
    const state = server.weight === 0 ? 'weight 0' : readServerState(server);
    return `${state}${check} at ${at.host.name}`;
  });
  return new DroverError({
    code: 'unhealthy',
    host: host.name,
    message: `${host.name} is not up ${waitedMs / 1000} s after it was set ready: ${views.join(', ')}`,
    fix: `look at its health checks, then: drover health ${host.name}`,
  });
}

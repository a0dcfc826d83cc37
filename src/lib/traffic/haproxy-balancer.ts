import {DroverError} from '../errors/drover-error.js';
import type {Link} from '../host/link.js';
import type {Drain} from '../inventory/app.js';
import type {Host} from '../inventory/host.js';
import type {Balancer, Rotation, Warn} from './balancer.js';
import {admitSeats} from './haproxy-admit.js';
import {HaproxyBackend} from './haproxy-backend.js';
import {drainSeats} from './haproxy-drain.js';
import {examineBalancers} from './haproxy-preflight.js';
import {findSeats, readBackends, readRotation, type Seat, type SeatSearch} from './haproxy-rotation.js';
import type {Pause} from './pause.js';

export interface HaproxyOptions {
  readonly drain: Extract<Drain, {kind: 'haproxy'}>;
  readonly balancerHosts: readonly Host[];
  readonly open: (host: Host, signal: AbortSignal) => Promise<Link>;
  readonly sleep: Pause;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  readonly warn: Warn;
  /** How long HAProxy may take to see an admitted server as up. */
  readonly admitTimeoutMs?: number;
}

/** What HAProxy allows in names; anything else could end one command and begin another. */
const haproxyName = /^[-\w.:]+$/;

export function createHaproxyBalancer({drain, balancerHosts, open, sleep, now, warn, admitTimeoutMs = 30_000}: HaproxyOptions): Balancer {
  for (const name of [...drain.backends, ...Object.values(drain.servers)]) {
    if (haproxyName.test(name)) continue;
    throw new DroverError({
      code: 'invalid-file',
      message: `"${name}" is not a name in HAProxy`,
      fix: 'use letters, digits and - _ . : only',
    });
  }
  const {socket, master} = drain;
  const balancers = balancerHosts.flatMap((host) =>
    drain.backends.map((backend) => new HaproxyBackend(host, {socket, master, backend, open, sleep})),
  );
  const search = (host: Host): SeatSearch => ({host, balancers, servers: drain.servers});

  const takeSeats = async (host: Host, signal: AbortSignal): Promise<readonly Seat[]> => {
    const seats = findSeats(search(host), await readBackends(balancers, signal));
    if (seats.length > 0) return seats;
    const names = balancerHosts.map(({name}) => name).join(', ') || 'any balancer';
    throw new DroverError({
      code: 'refused',
      host: host.name,
      message: `host ${host.name} has no server in backend "${drain.backends.join('", "')}" of ${names}`,
      fix: 'name it in drain.haproxy.servers, or add it to haproxy.cfg',
    });
  };

  return {
    kind: 'haproxy',
    preflight: async (hosts, signal) => {
      if (balancers.length === 0) return [`no host is selected as balancer by drain.haproxy.on "${drain.on}"`];
      return examineBalancers({balancers, searches: hosts.map(search), ramp: drain.ramp, warn, signal});
    },
    read: async (hosts, signal) => {
      const readings = await readBackends(balancers, signal);
      return hosts.map((host): Rotation => readRotation(host, findSeats(search(host), readings)));
    },
    drain: async (host, signal) => drainSeats({host, seats: await takeSeats(host, signal), drain, sleep, now, warn, signal}),
    admit: async (host, signal) => {
      await admitSeats({host, seats: await takeSeats(host, signal), ramp: drain.ramp, admitTimeoutMs, sleep, warn, signal});
    },
  };
}

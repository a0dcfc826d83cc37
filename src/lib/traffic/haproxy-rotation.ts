import {DroverError} from '../errors/drover-error.js';
import type {Host} from '../inventory/host.js';
import type {Rotation} from './balancer.js';
import type {HaproxyBackend, SeenServer} from './haproxy-backend.js';
import {matchServer, type ServerMatch} from './haproxy-servers.js';
import {type HaproxyServer, readServerState} from './haproxy-state.js';

/** One server entry that a host has at one balancer, as last seen. */
export interface Seat {
  readonly at: HaproxyBackend;
  readonly server: SeenServer;
  /** All servers of the backend, in the same reading. */
  readonly all: readonly SeenServer[];
}

export interface SeatSearch {
  readonly host: Host;
  readonly balancers: readonly HaproxyBackend[];
  readonly servers: Readonly<Record<string, string>>;
}

/**
 * A host belongs to the balancers of its silo; those of other silos count only where they name it for sure. Where its
 * silo has none, every balancer counts.
 */
export function matchAt(search: SeatSearch, at: HaproxyBackend, known: readonly HaproxyServer[]): ServerMatch {
  const {host, balancers, servers} = search;
  const by = isOwn(at, search) || !balancers.some((balancer) => isOwn(balancer, search)) ? 'anything' : 'sure';
  return matchServer({host, balancer: at.host.name, backend: at.name, servers, known, by});
}

export function isOwn(balancer: HaproxyBackend, {host}: SeatSearch): boolean {
  return balancer.host.silo === host.silo;
}

/** What each balancer says of the backend. */
export type Readings = ReadonlyMap<HaproxyBackend, readonly SeenServer[]>;

/** Throws when a balancer does not answer. */
export async function readBackends(balancers: readonly HaproxyBackend[], signal: AbortSignal): Promise<Readings> {
  return new Map(await Promise.all(balancers.map(async (at) => [at, await at.read(signal)] as const)));
}

/** Where a host is, at every balancer that knows it; empty when none does. Throws when it is not certain which server it is. */
export function findSeats(search: SeatSearch, readings: Readings): readonly Seat[] {
  const seats: Seat[] = [];
  for (const [at, all] of readings) {
    const match = matchAt(search, at, all);
    if (match.kind === 'absent') continue;
    if (match.kind !== 'found') throw new DroverError({code: 'refused', host: search.host.name, message: match.problem});
    const server = all.find((candidate) => candidate.name === match.server.name);
    if (server !== undefined) seats.push({at, server, all});
  }
  return seats;
}

/** The same seats, read again. Throws when a server is gone meanwhile. */
export async function refreshSeats(seats: readonly Seat[], signal: AbortSignal): Promise<readonly Seat[]> {
  return Promise.all(
    seats.map(async ({at, server}) => {
      const all = await at.read(signal);
      const now = all.find((candidate) => candidate.name === server.name);
      if (now !== undefined) return {at, server: now, all};
      throw new DroverError({
        code: 'refused',
        host: at.host.name,
        message: `server "${server.name}" vanished from backend "${at.name}" of ${at.host.name}`,
      });
    }),
  );
}

/** One word for all balancers: `in` and `out` only where they agree; a mix is on its way or not healthy. */
export function readRotation(host: Host, seats: readonly Seat[]): Rotation {
  const states = new Set(seats.map(({server}) => readServerState(server)));
  const sessions = countSessions(seats);
  const [only] = states;
  if (only === undefined) return {host, state: 'absent', sessions};
  if (states.size === 1) return {host, state: only, sessions};
  const mixed = states.has('draining') || (states.has('in') && states.has('out'));
  return {host, state: mixed ? 'draining' : 'down', sessions};
}

/** Open and waiting sessions, at all workers in sight. Idle connections that HAProxy keeps to a server are not sessions. */
export function countSessions(seats: readonly Seat[]): number {
  return seats.reduce((sum, {server}) => sum + server.sessions + server.queued + server.lingering, 0);
}

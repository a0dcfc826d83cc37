import {DroverError, type Problem} from '../errors/drover-error.js';
import type {Drain} from '../inventory/app.js';
import type {Host} from '../inventory/host.js';
import type {AdminOrder, HaproxyBackend} from './haproxy-backend.js';
import {countSessions, refreshSeats, type Seat} from './haproxy-rotation.js';
import {readOrder, readServerState} from './haproxy-state.js';
import type {Pause} from './pause.js';

export interface SeatDrain {
  readonly host: Host;
  /** As they are before anything is changed. */
  readonly seats: readonly Seat[];
  readonly drain: Pick<Drain, 'waitMs' | 'then'>;
  readonly sleep: Pause;
  readonly signal: AbortSignal;
}

const pollMs = 150;
/** Cut sessions end within moments; HAProxy ends them asynchronously (haproxy#2323). */
const cutGraceMs = 5_000;
const undoMs = 10_000;

/**
 * Drain, wait for the sessions, maintenance, on all balancers or on none: whatever fails (a balancer, the wait with
 * `abort`, the signal), those already changed are put back as they were before this throws; what could not be put
 * back is named in the error.
 */
export async function drainSeats(task: SeatDrain): Promise<{readonly cut: number}> {
  refuseLastServer(task);
  const touched: Seat[] = [];
  try {
    for (const seat of task.seats) {
      if (readOrder(seat.server) !== 'ready') continue;
      touched.push(seat);
      await seat.at.setState(seat.server.name, 'drain', task.signal);
    }
    const left = await waitForQuiet(task, ['drain', 'maint'], 'drain', task.drain.waitMs);
    if (left > 0 && task.drain.then === 'abort') throw refuseToCut(task, left);
    for (const seat of task.seats) {
      if (readOrder(seat.server) === 'maint') continue;
      if (!touched.includes(seat)) touched.push(seat);
      await seat.at.setState(seat.server.name, 'maint', task.signal);
    }
    return {cut: await endSessions(task)};
  } catch (error) {
    const stuck = await putBack(touched);
    if (stuck.length === 0) throw error;
    if (error instanceof DroverError) throw new DroverError(...error.problems, ...stuck);
    throw new DroverError({code: 'refused', host: task.host.name, message: `drain of ${task.host.name}: ${describe(error)}`}, ...stuck);
  }
}

function refuseLastServer({host, seats}: SeatDrain): void {
  for (const {at, server, all} of seats) {
    if (readServerState(server) !== 'in') continue;
    const others = all.filter((other) => other.name !== server.name && !other.backup && readServerState(other) === 'in');
    if (others.length > 0) continue;
    throw new DroverError({
      code: 'refused',
      host: host.name,
      message: `${host.name} is the last server in rotation in backend "${server.backend}" of ${at.host.name}`,
      fix: 'bring another server up first: drover status',
    });
  }
}

/**
 * Polls until no balancer has a session, in two readings in a row while new ones may still come; returns what is left when the time
 * is out. A balancer that forgot the order (a reload) gets it once more.
 */
async function waitForQuiet(task: SeatDrain, accepted: readonly AdminOrder[], order: AdminOrder, waitMs: number): Promise<number> {
  const deadline = AbortSignal.timeout(waitMs);
  const reminded = new Set<HaproxyBackend>();
  const enough = order === 'maint' ? 1 : 2;
  let quiet = 0;
  while (true) {
    const seats = await refreshSeats(task.seats, task.signal);
    const forgot = seats.filter(({server}) => !accepted.includes(readOrder(server)));
    for (const {at, server} of forgot) {
      if (reminded.has(at)) throw forgetful(at, server.name, order);
      reminded.add(at);
      await at.setState(server.name, order, task.signal);
    }
    const open = countSessions(seats);
    quiet = open === 0 && forgot.length === 0 ? quiet + 1 : 0;
    if (quiet === enough || (deadline.aborted && forgot.length === 0)) return open;
    await task.sleep(pollMs, task.signal);
  }
}

/** In maintenance on all: proves it, and cuts what is left. Sessions that a cookie brought after the wait are among it. */
async function endSessions(task: SeatDrain): Promise<number> {
  const left = await waitForQuiet(task, ['maint'], 'maint', 0);
  if (left === 0) return 0;
  if (task.drain.then === 'abort') throw refuseToCut(task, left);
  let cut = 0;
  for (const {at, server} of await refreshSeats(task.seats, task.signal)) {
    if (server.sessions === 0) continue;
    cut += server.sessions;
    await at.cutSessions(server.name, task.signal);
  }
  const survivors = await waitForQuiet(task, ['maint'], 'maint', cutGraceMs);
  if (survivors === 0) return cut;
  throw new DroverError({
    code: 'refused',
    host: task.host.name,
    message: `${survivors} sessions of ${task.host.name} survived being shut down`,
  });
}

async function putBack(touched: readonly Seat[]): Promise<readonly Problem[]> {
  const signal = AbortSignal.timeout(undoMs);
  const stuck: Problem[] = [];
  for (const {at, server} of touched) {
    try {
      await at.setState(server.name, readOrder(server), signal);
    } catch (error) {
      const message = `${server.backend}/${server.name} could not be set back to ${readOrder(server)} at ${at.host.name}: ${describe(error)}`;
      stuck.push({
        code: 'needs-attention',
        host: at.host.name,
        message,
        fix: `set server ${server.backend}/${server.name} state ${readOrder(server)}`,
      });
    }
  }
  return stuck;
}

function refuseToCut({host, drain}: SeatDrain, left: number): DroverError {
  return new DroverError({
    code: 'refused',
    host: host.name,
    message: `${host.name} still has ${left} open ${left === 1 ? 'session' : 'sessions'} after ${drain.waitMs / 1000} s, and drain.then is "abort"`,
    fix: 'raise drain.wait, or set drain.then to close',
  });
}

function forgetful(at: HaproxyBackend, server: string, order: AdminOrder): DroverError {
  return new DroverError({
    code: 'refused',
    host: at.host.name,
    message: `HAProxy on ${at.host.name} forgot "state ${order}" of server "${server}" twice; something reloads it or sets it back`,
    fix: 'stop what reloads HAProxy while a run drains hosts',
  });
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

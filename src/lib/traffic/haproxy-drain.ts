import {DroverError, type Problem} from '../errors/drover-error.js';
import type {Drain} from '../inventory/app.js';
import type {Host} from '../inventory/host.js';
import type {Warn} from './balancer.js';
import {closeSessions} from './haproxy-closing.js';
import type {Seat} from './haproxy-rotation.js';
import {readOrder, readServerState} from './haproxy-state.js';
import {SeatWatch} from './haproxy-watch.js';
import {refuseLeftovers} from './leftovers.js';
import type {Pause} from './pause.js';

export interface SeatDrain {
  readonly host: Host;
  /** As they are before anything is changed. */
  readonly seats: readonly Seat[];
  readonly drain: Pick<Extract<Drain, {kind: 'haproxy'}>, 'waitMs' | 'then' | 'longestMs' | 'closeOverMs'>;
  readonly sleep: Pause;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  readonly warn: Warn;
  readonly signal: AbortSignal;
}

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
    const watch = new SeatWatch(task);
    const left = await watch.untilQuiet('drain', task.drain.waitMs);
    if (left > 0 && task.drain.then === 'abort') throw refuseLeftovers(task, left);
    for (const seat of task.seats) {
      if (readOrder(seat.server) === 'maint') continue;
      if (!touched.includes(seat)) touched.push(seat);
      await seat.at.setState(seat.server.name, 'maint', task.signal);
    }
    return {cut: await endSessions(task, watch)};
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

/** In maintenance on all: proves it, and ends what is left as the policy says. Sessions that a cookie brought after the wait are among it. */
async function endSessions(task: SeatDrain, watch: SeatWatch): Promise<number> {
  const {waitMs, then, longestMs = waitMs, closeOverMs = 0} = task.drain;
  const left = await watch.untilQuiet('maint', then === 'wait' ? longestMs - waitMs : 0);
  if (left === 0) return 0;
  if (then !== 'close') throw refuseLeftovers(task, left);
  const {sleep, now, signal} = task;
  const unseen = watch.unseen;
  const cut = left === unseen ? 0 : await closeSessions({watch, overMs: closeOverMs, sleep, now, signal});
  const survivors = (await watch.untilQuiet('maint', unseen === 0 ? cutGraceMs : 0)) - unseen;
  if (survivors <= 0) return cut;
  throw new DroverError({
    code: 'refused',
    host: task.host.name,
    message: `${survivors} sessions of ${task.host.name} survived being shut down`,
    fix: 'look at them on the balancer with "show sess"',
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

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

import {DroverError} from '../errors/drover-error.js';
import type {Ramp} from '../inventory/app.js';
import type {Host} from '../inventory/host.js';
import type {Warn} from './balancer.js';
import type {HaproxyBackend} from './haproxy-backend.js';
import {refreshSeats, type Seat} from './haproxy-rotation.js';
import {readOrder, readServerState} from './haproxy-state.js';
import {pollMs} from './haproxy-watch.js';
import type {Pause} from './pause.js';

export interface SeatAdmission {
  readonly host: Host;
  readonly seats: readonly Seat[];
  readonly ramp: Ramp | undefined;
  /** How long HAProxy may take to see the server as up, at first and after each step. */
  readonly admitTimeoutMs: number;
  readonly sleep: Pause;
  readonly warn: Warn;
  readonly signal: AbortSignal;
}

/**
 * Ready on all balancers and seen as up by all. With a ramp the first share is set before the server is ready, so that there is no moment at
 * full weight; between two steps it must stay up. Every seat ends with its configured weight, also where an earlier run
 * was killed in the middle of a ramp. Whatever fails leaves the host ready with the share that it had reached: a later admit goes on.
 */
export async function admitSeats(task: SeatAdmission): Promise<void> {
  if (task.ramp === undefined) {
    await makeReady(task);
    return;
  }
  const weights = new SeatWeights(task);
  for (const [index, percent] of task.ramp.steps.entries()) {
    await weights.raise(percent);
    if (index === 0) await makeReady(task);
    else await awaitUp(task);
    if (percent < 100 && weights.isRising) await task.sleep(task.ramp.waitMs, task.signal);
  }
}

/** The shares of one host at its balancers, on their way up. */
class SeatWeights {
  readonly #task: SeatAdmission;
  /** Balancers that take the whole weight or nothing. */
  readonly #static = new Set<HaproxyBackend>();

  constructor(task: SeatAdmission) {
    this.#task = task;
  }

  /** Whether some balancer still gives less than the full share. */
  get isRising(): boolean {
    return this.#task.seats.some((seat) => !this.#static.has(seat.at) && !isServingFully(seat));
  }

  /** Never lowers what is serving with more already. */
  async raise(percent: number): Promise<void> {
    const {seats, signal} = this.#task;
    for (const seat of seats) {
      const {at, server} = seat;
      if (this.#static.has(at) || isServingFully(seat)) continue;
      const weight = Math.floor((server.fullWeight * percent) / 100);
      if (readServerState(server) === 'in' && weight <= server.weight && percent < 100) continue;
      if (weight === 0) await this.#goWithout(at, `its weight in haproxy.cfg, ${server.fullWeight}, has no whole ${percent} %`);
      else if (percent === 100) await at.setWeight(server.name, 100, signal);
      else await this.#setShare(seat, percent);
    }
  }

  /** A static algorithm refuses every share and takes the whole: that is how it is known. */
  async #setShare({at, server}: Seat, percent: number): Promise<void> {
    try {
      await at.setWeight(server.name, percent, this.#task.signal);
    } catch (error) {
      if (!(error instanceof DroverError) || error.code !== 'refused') throw error;
      await at.setWeight(server.name, 100, this.#task.signal);
      await this.#goWithout(at, `it said: ${error.message}`);
    }
  }

  async #goWithout(at: HaproxyBackend, why: string): Promise<void> {
    this.#static.add(at);
    const {host, warn, signal, seats} = this.#task;
    const server = seats.find((seat) => seat.at === at)?.server.name;
    if (server !== undefined) await at.setWeight(server, 100, signal);
    await warn({host: host.name, message: `no ramp for ${host.name} in backend "${at.name}" of ${at.host.name}: ${why}`});
  }
}

function isServingFully({server}: Seat): boolean {
  return readServerState(server) === 'in' && server.weight >= server.fullWeight;
}

async function makeReady(task: SeatAdmission): Promise<void> {
  for (const {at, server} of task.seats) {
    if (readOrder(server) !== 'ready') await at.setState(server.name, 'ready', task.signal);
  }
  await awaitUp(task);
}

/** A worker that a reload started, or that forgot the order, gets it once more. */
async function awaitUp({host, seats: known, admitTimeoutMs, sleep, signal}: SeatAdmission): Promise<void> {
  const deadline = AbortSignal.timeout(admitTimeoutMs);
  const reminded = new Map<HaproxyBackend, string>();
  let seats = known;
  while (true) {
    seats = await refreshSeats(seats, signal);
    const missing = seats.filter(({server}) => readServerState(server) !== 'in');
    if (missing.length === 0) return;
    if (deadline.aborted) throw notUp(host, missing, admitTimeoutMs);
    for (const {at, server} of missing) {
      if (readOrder(server) === 'ready' || reminded.get(at) === server.worker) continue;
      reminded.set(at, server.worker);
      await at.setState(server.name, 'ready', signal);
    }
    await sleep(pollMs, signal);
  }
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

import {DroverError} from '../errors/drover-error.js';
import type {Host} from '../inventory/host.js';
import type {Warn} from './balancer.js';
import type {AdminOrder, HaproxyBackend} from './haproxy-backend.js';
import {countSessions, refreshSeats, type Seat} from './haproxy-rotation.js';
import {readOrder} from './haproxy-state.js';
import type {Pause} from './pause.js';

export const pollMs = 150;

/**
 * The seats of a host on its way out, read again and again. A worker that a reload started knows nothing of an order and gets it
 * once more, as often as that happens; a worker that forgot one gets it once more, and then something works against us. What the
 * worker before a reload still carries is counted by the master; without one it is unseen and never known to be over.
 */
export class SeatWatch {
  readonly #host: Host;
  readonly #warn: Warn;
  readonly #sleep: Pause;
  readonly #signal: AbortSignal;
  readonly #reminded = new Map<HaproxyBackend, string>();
  readonly #unseen = new Map<HaproxyBackend, number>();
  #seats: readonly Seat[];

  constructor({host, seats, warn, sleep, signal}: {host: Host; seats: readonly Seat[]; warn: Warn; sleep: Pause; signal: AbortSignal}) {
    this.#host = host;
    this.#seats = seats;
    this.#warn = warn;
    this.#sleep = sleep;
    this.#signal = signal;
  }

  /** As read last. */
  get seats(): readonly Seat[] {
    return this.#seats;
  }

  /** Sessions of workers that are out of sight, as they were when they were seen last. */
  get unseen(): number {
    return [...this.#unseen.values()].reduce((sum, count) => sum + count, 0);
  }

  /**
   * Polls until no balancer has a session, in two readings in a row while new ones may still come; gives what is left when the time
   * is out, unseen ones among it.
   */
  async untilQuiet(order: 'drain' | 'maint', waitMs: number): Promise<number> {
    const deadline = AbortSignal.timeout(waitMs);
    const enough = order === 'maint' ? 1 : 2;
    let quiet = 0;
    while (true) {
      const forgot = await this.look(order);
      const open = countSessions(this.#seats) + this.unseen;
      quiet = open === 0 && !forgot ? quiet + 1 : 0;
      if (quiet === enough || (deadline.aborted && !forgot)) return open;
      await this.#sleep(pollMs, this.#signal);
    }
  }

  /** Reads the seats anew; whether some balancer had to be told the order again. */
  async look(order: 'drain' | 'maint'): Promise<boolean> {
    const before = new Map(this.#seats.map((seat) => [seat.at, seat.server]));
    this.#seats = await refreshSeats(this.#seats, this.#signal);
    let forgot = false;
    for (const {at, server} of this.#seats) {
      const last = before.get(at);
      if (last !== undefined && last.worker !== server.worker) await this.#noteReload(at, last.sessions + last.queued);
      const now = readOrder(server);
      if (now === 'maint' || now === order) continue;
      if (this.#reminded.get(at) === server.worker) throw forgetful(at, server.name, order);
      this.#reminded.set(at, server.worker);
      forgot = true;
      await at.setState(server.name, order, this.#signal);
    }
    return forgot;
  }

  async #noteReload(at: HaproxyBackend, left: number): Promise<void> {
    const what = `HAProxy on ${at.host.name} was reloaded while ${this.#host.name} left it: told again`;
    if (!at.hasMaster && left > 0) this.#unseen.set(at, (this.#unseen.get(at) ?? 0) + left);
    const blind =
      at.hasMaster || left === 0
        ? ''
        : `; ${left} ${left === 1 ? 'session' : 'sessions'} of the worker before it cannot be seen, so all of drain.wait is waited: set drain.haproxy.master`;
    await this.#warn({host: this.#host.name, message: what + blind});
  }
}

function forgetful(at: HaproxyBackend, server: string, order: AdminOrder): DroverError {
  return new DroverError({
    code: 'refused',
    host: at.host.name,
    message: `HAProxy on ${at.host.name} forgot "state ${order}" of server "${server}" twice; something sets it back`,
    fix: 'stop what sets servers of HAProxy ready while a run drains hosts',
  });
}

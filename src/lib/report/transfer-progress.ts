import type {DroverEvent} from '../events/event.js';
import {RateWindow} from './rate-window.js';

/** Transfers younger than this say nothing of their rate. */
const youngMs = 2_000;

interface Transfer {
  readonly host: string;
  readonly startedMs: number;
  /** Bytes the host has, and all of its delta. */
  sent: number;
  total: number;
  /** When it last took bytes. */
  movedMs: number;
  readonly rate: RateWindow;
  state: 'going' | 'done' | 'failed';
}

/** One transfer that is going on. */
export interface SlowTransfer {
  readonly host: string;
  readonly sentBytes: number;
  readonly totalBytes: number;
  readonly perSecond: number;
  /** Milliseconds since it last took a byte. */
  readonly quietMs: number;
}

/** Where the transfers of a run are, at one moment. */
export interface TransferState {
  /** Hosts: staged, taking bytes, with all bytes and unpacking them, given up, and not begun. They add up to `hosts`. */
  readonly done: number;
  readonly moving: number;
  readonly unpacking: number;
  readonly failed: number;
  readonly waiting: number;
  readonly hosts: number;
  readonly sentBytes: number;
  readonly totalBytes: number;
  /** False while deltas are still to be built: the total is then at least so much. */
  readonly totalKnown: boolean;
  readonly perSecond: number;
  /** From the rates of the last seconds, of all and of the slowest that moves; undefined when nothing can be said. */
  readonly leftMs: number | undefined;
  /** Milliseconds since any host took a byte; 0 before the first. */
  readonly quietMs: number;
}

/** How the bytes of a run get to its hosts, from its events. An event costs the same however many hosts there are. */
export class TransferProgress {
  readonly #transfers = new Map<string, Transfer>();
  readonly #staging = new Set<string>();
  #all = new RateWindow();
  #hosts = 0;
  #built = {hosts: 0, bytes: 0};
  /** Hosts that ended without a byte: they failed before, or had it all. */
  #without = {done: 0, failed: 0};
  #ended = 0;
  #movedMs: number | undefined;

  apply(event: DroverEvent): void {
    switch (event.kind) {
      case 'run-started':
      case 'wave-started':
      case 'rolling-back':
        this.#begin();
        return;
      case 'staging-started':
        this.#hosts += event.hosts;
        return;
      case 'delta-built':
        this.#built = {hosts: this.#built.hosts + event.hosts, bytes: this.#built.bytes + event.bytes * event.hosts};
        return;
      case 'step-started':
        if (event.step === 'stage') this.#staging.add(event.host);
        return;
      case 'transfer':
        this.#move(event, Date.parse(event.at));
        return;
      case 'step-ended':
        if (event.step === 'stage' && this.#staging.delete(event.host)) this.#end(event);
        return;
      default:
        return;
    }
  }

  /** Whether hosts are being staged now. */
  get active(): boolean {
    return this.#hosts > 0 && this.#ended < this.#hosts;
  }

  /** Bytes that staging has sent in this phase. */
  get movedBytes(): number {
    return this.#hosts === 0 ? 0 : this.#all.total;
  }

  /** Bytes per second over the last seconds. */
  measureRate(nowMs: number): number {
    return this.#all.measure(nowMs);
  }

  look(nowMs: number): TransferState {
    let {done, failed} = this.#without;
    let moving = 0;
    let unpacking = 0;
    let sentBytes = 0;
    let begunBytes = 0;
    let ownBytes = 0;
    let slowestLeftMs = 0;
    for (const {state, sent, total, rate} of this.#transfers.values()) {
      sentBytes += sent;
      ownBytes += total;
      // What a host that failed still lacks is not to come.
      begunBytes += state === 'failed' ? sent : total;
      if (state === 'done') done++;
      else if (state === 'failed') failed++;
      else if (sent < total) {
        moving++;
        const pace = rate.isSettled(nowMs) ? rate.measure(nowMs) : 0;
        if (pace > 0) slowestLeftMs = Math.max(slowestLeftMs, ((total - sent) * 1000) / pace);
      } else unpacking++;
    }
    const waiting = Math.max(0, this.#hosts - done - failed - moving - unpacking);
    const {hosts, bytes} = this.#built;
    const withoutBytes = hosts === 0 ? 0 : (bytes / hosts) * (this.#without.done + this.#without.failed);
    const totalBytes = Math.round(begunBytes + (waiting === 0 ? 0 : Math.max(0, bytes - ownBytes - withoutBytes)));
    const totalKnown = waiting === 0 || hosts >= this.#hosts;
    const perSecond = this.#all.measure(nowMs);
    const sure = totalKnown && perSecond > 0 && this.#all.isSettled(nowMs);
    return {
      ...{done, moving, unpacking, failed, waiting, hosts: this.#hosts},
      ...{sentBytes, totalBytes, totalKnown, perSecond},
      leftMs: sure ? Math.max((Math.max(0, totalBytes - sentBytes) * 1000) / perSecond, slowestLeftMs) : undefined,
      quietMs: this.#movedMs === undefined ? 0 : Math.max(0, nowMs - this.#movedMs),
    };
  }

  /** The transfers that will end last as things go, worst first. */
  findSlowest(count: number, nowMs: number): readonly SlowTransfer[] {
    const going = [...this.#transfers.values()].filter(
      ({state, sent, total, startedMs}) => state === 'going' && sent < total && nowMs - startedMs >= youngMs,
    );
    return going
      .map((transfer) => ({transfer, perSecond: transfer.rate.measure(nowMs)}))
      .map((each) => ({...each, leftS: (each.transfer.total - each.transfer.sent) / each.perSecond}))
      .sort((one, other) => (one.leftS === other.leftS ? one.transfer.movedMs - other.transfer.movedMs : other.leftS - one.leftS))
      .slice(0, count)
      .map(({transfer: {host, sent, total, movedMs}, perSecond}) => ({
        ...{host, sentBytes: sent, totalBytes: total, perSecond},
        quietMs: Math.max(0, nowMs - movedMs),
      }));
  }

  #begin(): void {
    this.#transfers.clear();
    this.#staging.clear();
    this.#all = new RateWindow();
    this.#movedMs = undefined;
    this.#hosts = 0;
    this.#ended = 0;
    this.#built = {hosts: 0, bytes: 0};
    this.#without = {done: 0, failed: 0};
  }

  #move({host, sentBytes, totalBytes}: DroverEvent & {readonly kind: 'transfer'}, atMs: number): void {
    const known = this.#transfers.get(host);
    if (known === undefined) {
      // Where it begins: what the host had before has not moved now.
      const transfer: Transfer = {
        ...{host, startedMs: atMs, sent: sentBytes, total: totalBytes, movedMs: atMs},
        ...{rate: new RateWindow(), state: 'going'},
      };
      transfer.rate.add(0, atMs);
      this.#all.add(0, atMs);
      this.#transfers.set(host, transfer);
      return;
    }
    const moved = totalBytes === known.total ? Math.max(0, sentBytes - known.sent) : 0;
    if (moved > 0) {
      known.movedMs = atMs;
      this.#movedMs = atMs;
    }
    known.rate.add(moved, atMs);
    this.#all.add(moved, atMs);
    known.sent = sentBytes;
    known.total = totalBytes;
  }

  #end({host, outcome}: DroverEvent & {readonly kind: 'step-ended'}): void {
    const ended = outcome === 'done' || outcome === 'unchanged' ? 'done' : 'failed';
    this.#ended++;
    const transfer = this.#transfers.get(host);
    if (transfer === undefined) this.#without[ended]++;
    else transfer.state = ended;
  }
}

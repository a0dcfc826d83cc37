import type {Readable} from 'node:stream';
import type {PushRate} from '../inventory/app.js';
import {RateBucket} from './rate-bucket.js';
import {ShapedStream} from './rate-stream.js';

/** Most bytes let through at once, for whoever has the fastest line. */
const sliceBytes = 64 * 1024;
/** A transfer waits about this long for its next slice, however many share a limit. */
const sliceMs = 500;

/** Where a transfer goes: what limits are counted by. */
export interface Destination {
  readonly name: string;
  readonly silo: string;
}

export interface ShaperClock {
  /** Milliseconds; may jump. */
  readonly now: () => number;
  /** Calls back once, not before `ms` have passed; the result cancels. */
  readonly after: (ms: number, wake: () => void) => () => void;
}

interface Silo {
  readonly bucket: RateBucket | undefined;
  readonly hosts: Map<string, HostQueue>;
  /** Transfers under way, waiting or not. */
  open: number;
  /** `siloTag` of what was let through last; it only grows. */
  served: number;
}

interface HostQueue {
  readonly bucket: RateBucket | undefined;
  readonly waiting: Set<Flow>;
}

/** One transfer. Tags count in bytes how much it has had, compared with the others of its silo and of the run. */
interface Flow {
  readonly silo: Silo;
  readonly host: HostQueue;
  runTag: number;
  siloTag: number;
  wanted: number;
  grant: (bytes: number) => void;
}

/**
 * Keeps transfers within the limits of their host, their silo and the run, over any window of time but for a burst of a tenth of a second.
 * What a limit lets through is shared fairly: the next slice goes to the transfer that has had least, among those that no limit of their
 * own holds back (start-time fair queueing in two levels); tokens of a shared limit are kept for it, so that many small pieces cannot
 * starve a large one. Who does not ask gets nothing put aside: a slow host neither blocks others nor saves tokens up.
 */
export class RateShaper {
  private readonly run: RateBucket | undefined;
  private readonly silos = new Map<string, Silo>();
  private open = 0;
  private waiting = 0;
  private served = 0;
  private serving = false;
  private wakeMs = Number.POSITIVE_INFINITY;
  private cancelTimer: (() => void) | undefined;

  constructor(
    private readonly limits: PushRate,
    private readonly clock: ShaperClock,
  ) {
    this.run = this.openBucket(limits.run);
  }

  /** `source` as fast as the limits allow; itself where there are none. Destroying the result ends the transfer and `source` at once. */
  shape(source: Readable, to: Destination): Readable {
    const {host, silo, run} = this.limits;
    if (host === undefined && silo === undefined && run === undefined) return source;
    const flow = this.openFlow(to);
    return new ShapedStream(source, {
      take: (bytes, grant) => {
        Object.assign(flow, {wanted: bytes, grant});
        this.ask(flow);
      },
      close: () => this.closeFlow(flow),
    });
  }

  private openFlow({name, silo: siloName}: Destination): Flow {
    let silo = this.silos.get(siloName);
    if (silo === undefined) {
      silo = {bucket: this.openBucket(this.limits.silo), hosts: new Map(), open: 0, served: 0};
      this.silos.set(siloName, silo);
    }
    // A host keeps its bucket: connecting anew is no new burst.
    let host = silo.hosts.get(name);
    if (host === undefined) {
      host = {bucket: this.openBucket(this.limits.host), waiting: new Set()};
      silo.hosts.set(name, host);
    }
    this.open++;
    silo.open++;
    return {silo, host, runTag: 0, siloTag: 0, wanted: 0, grant: () => undefined};
  }

  private closeFlow(flow: Flow): void {
    this.open--;
    flow.silo.open--;
    if (flow.host.waiting.delete(flow)) this.waiting--;
    if (this.waiting === 0) this.sleep();
  }

  private ask(flow: Flow): void {
    flow.runTag = Math.max(flow.runTag, this.served);
    flow.siloTag = Math.max(flow.siloTag, flow.silo.served);
    flow.host.waiting.add(flow);
    this.waiting++;
    // Where the run's limit holds this one back, looking at all others would find nothing new.
    const nowMs = this.clock.now();
    const waitMs = this.run?.wait(this.measureSlice(flow), nowMs) ?? 0;
    if (waitMs > 0) this.wakeIn(waitMs, nowMs);
    else this.serve();
  }

  /** Grants all that may pass now, and wakes up when the next slice may. */
  private serve(): void {
    if (this.serving) return;
    this.serving = true;
    let waitMs = 0;
    while (this.waiting > 0 && waitMs === 0) waitMs = this.serveNext(this.clock.now());
    this.serving = false;
    if (this.waiting > 0) this.wakeIn(waitMs, this.clock.now());
  }

  /** Grants one slice, or gives the milliseconds until that may be possible. */
  private serveNext(nowMs: number): number {
    let soonestMs = Number.POSITIVE_INFINITY;
    let first: Flow | undefined;
    const mayPass = (flow: Flow, bucket: RateBucket | undefined): boolean => {
      const waitMs = bucket?.wait(this.measureSlice(flow), nowMs) ?? 0;
      if (waitMs > 0) soonestMs = Math.min(soonestMs, waitMs);
      return waitMs === 0;
    };
    for (const silo of this.silos.values()) {
      let least: Flow | undefined;
      for (const host of silo.hosts.values()) {
        const next = findLeast(host.waiting);
        if (next !== undefined && next.siloTag < (least?.siloTag ?? Number.POSITIVE_INFINITY) && mayPass(next, host.bucket)) least = next;
      }
      if (least !== undefined && least.runTag < (first?.runTag ?? Number.POSITIVE_INFINITY) && mayPass(least, silo.bucket)) first = least;
    }
    if (first === undefined || !mayPass(first, this.run)) return soonestMs;
    this.grant(first, this.measureSlice(first));
    return 0;
  }

  private grant(flow: Flow, bytes: number): void {
    const {silo, host} = flow;
    for (const bucket of [host.bucket, silo.bucket, this.run]) bucket?.take(bytes);
    this.served = Math.max(this.served, flow.runTag);
    silo.served = Math.max(silo.served, flow.siloTag);
    // What its own limits kept from a transfer is not owed to it: it goes on from where the others are.
    flow.runTag = Math.max(flow.runTag + bytes, this.served);
    flow.siloTag = Math.max(flow.siloTag + bytes, silo.served);
    host.waiting.delete(flow);
    this.waiting--;
    flow.grant(bytes);
  }

  /** The bytes of the next slice: what a fair share brings in half a second, so that nobody waits for long. */
  private measureSlice({silo, host, wanted}: Flow): number {
    const most = Math.min(sliceBytes, shareOf(host.bucket, 1), shareOf(silo.bucket, silo.open), shareOf(this.run, this.open));
    return Math.min(wanted, Math.max(1, Math.floor(most)));
  }

  private openBucket(perSecond: number | undefined): RateBucket | undefined {
    return perSecond === undefined ? undefined : new RateBucket(perSecond, this.clock.now());
  }

  private wakeIn(waitMs: number, nowMs: number): void {
    if (nowMs + waitMs >= this.wakeMs) return;
    this.cancelTimer?.();
    this.wakeMs = nowMs + waitMs;
    this.cancelTimer = this.clock.after(Math.ceil(waitMs), () => {
      this.wakeMs = Number.POSITIVE_INFINITY;
      this.serve();
    });
  }

  private sleep(): void {
    this.cancelTimer?.();
    this.cancelTimer = undefined;
    this.wakeMs = Number.POSITIVE_INFINITY;
  }
}

function findLeast(flows: ReadonlySet<Flow>): Flow | undefined {
  let least: Flow | undefined;
  for (const flow of flows) if (least === undefined || flow.siloTag < least.siloTag) least = flow;
  return least;
}

function shareOf(bucket: RateBucket | undefined, flows: number): number {
  return bucket === undefined ? sliceBytes : Math.min(bucket.burst, (bucket.perSecond * sliceMs) / 1000 / flows);
}

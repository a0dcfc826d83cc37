import {DroverError} from '../errors/drover-error.js';
import {LatencyRing} from './latency-ring.js';

export interface HostPoolOptions {
  /** Milliseconds, from any start; only grows. */
  readonly now: () => number;
  readonly random: () => number;
  /** Failures in a row that take a host out; 1 where left out. */
  readonly failuresToLose?: number;
  readonly firstRetryMs?: number;
  readonly maxRetryMs?: number;
  /** Share of picks that go round all hosts at the start, to learn how fast each is; shrinks to 0.01. */
  readonly epsilon?: number;
  /** Measurements fade over this long. */
  readonly decayMs?: number;
  /** Waits for a lost host are drawn from half to all of the step, so that many clients do not come back at once. Off only in tests. */
  readonly jitter?: boolean;
  /** What a host of this mean time is worth beside the others; faster by half is worth twice where left out. */
  readonly score?: (meanMs: number) => number;
}

/** A host that was handed out; the first word on it counts, later ones do not. */
export interface PooledHost {
  readonly name: string;
  /** It did what was asked; measured from the pick on where `ms` is left out. */
  succeed(ms?: number): void;
  /** It did not, after `ms`: counts against its speed as well. */
  fail(ms?: number): void;
}

export interface PoolRow {
  readonly name: string;
  readonly state: 'alive' | 'lost' | 'struck-off';
  /** Until a lost host is tried again. */
  readonly retryInMs?: number;
  /** Undefined before the first measurement. */
  readonly meanMs?: number;
}

interface Entry {
  readonly name: string;
  readonly ring: LatencyRing;
  lost: boolean;
  struck: boolean;
  failures: number;
  retryAtMs: number;
  retryDelayMs: number;
}

const floorEpsilon = 0.01;

/**
 * Chooses among equal hosts: mostly the fast ones, now and then any, lost ones again after 30 s, 60 s … 15 min. After Bitly's hostpool,
 * without its stampede onto hosts of which little is known: a mean is over what was measured, whatever the time it covers.
 */
export class HostPool {
  private readonly entries: readonly Entry[];
  private readonly options: Required<HostPoolOptions>;
  private nextIndex = 0;
  private epsilon: number;

  /** Names must be unique, and there must be one. */
  constructor(names: readonly string[], options: HostPoolOptions) {
    if (names.length === 0) throw new DroverError({code: 'usage', message: 'a pool needs at least one host'});
    const twice = names.find((name, index) => names.indexOf(name) !== index);
    if (twice !== undefined) throw new DroverError({code: 'usage', message: `${twice} is twice in one pool`});
    const usual = {failuresToLose: 1, firstRetryMs: 30_000, maxRetryMs: 900_000, epsilon: 0.3, decayMs: 300_000, jitter: true};
    this.options = {...usual, score: (meanMs) => 1 / meanMs, ...options};
    this.epsilon = this.options.epsilon;
    const startMs = options.now();
    this.entries = names.map((name) => ({
      name,
      ring: new LatencyRing(this.options.decayMs, startMs),
      lost: false,
      struck: false,
      failures: 0,
      retryAtMs: 0,
      retryDelayMs: this.options.firstRetryMs,
    }));
  }

  /**
   * One of the hosts, or of those of them that are named. When all are lost, any of them, whatever its wait; undefined when none is left that was
   * not struck off.
   */
  pick(among?: ReadonlySet<string>): PooledHost | undefined {
    const open = this.entries.filter((entry) => !entry.struck && among?.has(entry.name) !== false);
    if (open.length === 0) return undefined;
    const ready = open.filter((entry) => this.isReady(entry));
    if (ready.length === 0) return this.hand(open[Math.floor(this.options.random() * open.length)] as Entry);
    if (this.options.random() < this.epsilon) {
      this.epsilon = Math.max(floorEpsilon, this.epsilon * 0.9);
      return this.hand(this.goRound(ready));
    }
    return this.hand(this.pickFast(ready) ?? this.goRound(ready));
  }

  has(name: string): boolean {
    return this.entries.some((entry) => entry.name === name);
  }

  /** Never handed out again: it lied. */
  strike(name: string): void {
    this.find(name).struck = true;
  }

  table(): readonly PoolRow[] {
    const nowMs = this.options.now();
    return this.entries.map(({name, ring, lost, struck, retryAtMs}) => {
      const meanMs = ring.mean(nowMs);
      return {
        name,
        state: struck ? 'struck-off' : lost ? 'lost' : 'alive',
        ...(lost ? {retryInMs: Math.max(0, retryAtMs - nowMs)} : {}),
        ...(meanMs === undefined ? {} : {meanMs}),
      };
    });
  }

  private find(name: string): Entry {
    const entry = this.entries.find((each) => each.name === name);
    if (entry === undefined) throw new DroverError({code: 'usage', message: `${name} is not in this pool`});
    return entry;
  }

  private isReady(entry: Entry): boolean {
    return !entry.lost || entry.retryAtMs < this.options.now();
  }

  private goRound(ready: readonly Entry[]): Entry {
    const {entries} = this;
    for (let step = 0; step < entries.length; step++) {
      const index = (this.nextIndex + step) % entries.length;
      const entry = entries[index] as Entry;
      if (!ready.includes(entry)) continue;
      this.nextIndex = (index + 1) % entries.length;
      return entry;
    }
    return ready[0] as Entry;
  }

  /** By shares of their scores; hosts that were never measured are not candidates. */
  private pickFast(ready: readonly Entry[]): Entry | undefined {
    const nowMs = this.options.now();
    const measured = ready.flatMap((entry) => {
      const meanMs = entry.ring.mean(nowMs);
      return meanMs === undefined ? [] : [{entry, score: this.options.score(Math.max(meanMs, 0.001))}];
    });
    const sum = measured.reduce((total, {score}) => total + score, 0);
    let left = this.options.random() * sum;
    for (const {entry, score} of measured) {
      left -= score;
      if (left <= 0) return entry;
    }
    return measured.at(-1)?.entry;
  }

  private hand(entry: Entry): PooledHost {
    const {now} = this.options;
    if (entry.lost) this.schedule(entry, Math.min(entry.retryDelayMs * 2, this.options.maxRetryMs));
    const pickedMs = now();
    let marked = false;
    const mark = (ms: number | undefined, judge: () => void): void => {
      if (marked) return;
      marked = true;
      entry.ring.add(ms ?? now() - pickedMs, now());
      judge();
    };
    return {
      name: entry.name,
      succeed: (ms) =>
        mark(ms, () => {
          entry.lost = false;
          entry.failures = 0;
        }),
      fail: (ms) => mark(ms, () => this.lose(entry)),
    };
  }

  private lose(entry: Entry): void {
    entry.failures++;
    if (entry.lost || entry.failures < this.options.failuresToLose) return;
    entry.lost = true;
    this.schedule(entry, this.options.firstRetryMs);
  }

  private schedule(entry: Entry, delayMs: number): void {
    entry.retryDelayMs = delayMs;
    const waitMs = this.options.jitter ? delayMs * (0.5 + this.options.random() / 2) : delayMs;
    entry.retryAtMs = this.options.now() + waitMs;
  }
}

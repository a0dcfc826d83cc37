import type {ShaperClock} from '../../src/lib/delivery/rate-shaper.js';

/** Time that passes only when nothing else is left to do. */
export class VirtualClock implements ShaperClock {
  private nowMs = 0;
  private readonly timers = new Set<{readonly atMs: number; readonly wake: () => void}>();

  now = (): number => this.nowMs;

  after = (ms: number, wake: () => void): (() => void) => {
    const timer = {atMs: this.nowMs + ms, wake};
    this.timers.add(timer);
    return () => this.timers.delete(timer);
  };

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, resolve));
  }

  get pending(): number {
    return this.timers.size;
  }

  /** Lets streams and promises finish what they can, then goes to the next timer, until `untilMs`. */
  async run(untilMs: number): Promise<void> {
    for (;;) {
      for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
      const next = [...this.timers].sort((one, other) => one.atMs - other.atMs)[0];
      if (next === undefined || next.atMs > untilMs) break;
      this.nowMs = Math.max(this.nowMs, next.atMs);
      this.timers.delete(next);
      next.wake();
    }
    this.nowMs = Math.max(this.nowMs, untilMs);
  }
}

const size = 120;

/** Times of one host, in 120 buckets that together cover `windowMs`; what is newer weighs more, and what falls out is forgotten. */
export class LatencyRing {
  private readonly counts = new Array<number>(size).fill(0);
  private readonly sums = new Array<number>(size).fill(0);
  private newest = 0;

  constructor(
    private readonly windowMs: number,
    private bucketStartMs: number,
  ) {}

  add(ms: number, nowMs: number): void {
    this.advance(nowMs);
    this.counts[this.newest] = (this.counts[this.newest] ?? 0) + 1;
    this.sums[this.newest] = (this.sums[this.newest] ?? 0) + ms;
  }

  /**
   * Mean over the buckets, each weighing its age from 1/120 to 1; an empty one repeats the one before it. What was before the first measurement
   * weighs nothing. Undefined when nothing was measured.
   */
  mean(nowMs: number): number | undefined {
    this.advance(nowMs);
    let [weights, total, carried] = [0, 0, undefined as number | undefined];
    for (let age = 1; age <= size; age++) {
      const index = (this.newest + age) % size;
      const count = this.counts[index] ?? 0;
      if (count > 0) carried = (this.sums[index] ?? 0) / count;
      if (carried === undefined) continue;
      weights += age / size;
      total += (age / size) * carried;
    }
    return weights === 0 ? undefined : total / weights;
  }

  private advance(nowMs: number): void {
    const bucketMs = this.windowMs / size;
    const steps = Math.floor((nowMs - this.bucketStartMs) / bucketMs);
    if (steps <= 0) return;
    this.bucketStartMs += steps * bucketMs;
    for (let step = 0; step < Math.min(steps, size); step++) {
      this.newest = (this.newest + 1) % size;
      this.counts[this.newest] = 0;
      this.sums[this.newest] = 0;
    }
    if (steps > size) this.newest = (this.newest + steps - size) % size;
  }
}

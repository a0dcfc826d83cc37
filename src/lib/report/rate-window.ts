const windowMs = 5_000;
const sampleEveryMs = 400;
/** A rate measured over less is a guess. */
const leastSpanMs = 2_000;

/** Bytes per second over the last five seconds, from what is told now and then. */
export class RateWindow {
  private samples: {readonly atMs: number; readonly bytes: number}[] = [];
  private bytes = 0;
  private firstMs: number | undefined;

  /** So many bytes more have moved. */
  add(bytes: number, atMs: number): void {
    this.firstMs ??= atMs;
    const last = this.samples.at(-1);
    if (last === undefined || atMs - last.atMs >= sampleEveryMs) {
      this.samples = [...this.samples.filter((sample) => atMs - sample.atMs <= windowMs), {atMs, bytes: this.bytes}];
    }
    this.bytes += bytes;
  }

  /** All bytes that moved. */
  get total(): number {
    return this.bytes;
  }

  /** 0 when nothing moved lately. */
  measure(nowMs: number): number {
    const first = this.samples.find(({atMs}) => nowMs - atMs <= windowMs);
    return first === undefined || nowMs <= first.atMs ? 0 : ((this.bytes - first.bytes) * 1000) / Math.max(nowMs - first.atMs, 1000);
  }

  /** Whether it has been measured for long enough to count on it. */
  isSettled(nowMs: number): boolean {
    return this.firstMs !== undefined && nowMs - this.firstMs >= leastSpanMs;
  }
}

/** A bucket holds at most the tokens of this long: what a limit may be exceeded by over any window, however short. */
const burstMs = 100;

/** One limit: tokens are bytes, they come at `perSecond` and do not pile up beyond a tenth of a second's worth. Starts full. */
export class RateBucket {
  /** Most tokens it holds; at least one. */
  readonly burst: number;
  private tokens: number;
  private lastMs: number;

  constructor(
    readonly perSecond: number,
    nowMs: number,
  ) {
    this.burst = Math.max(1, (perSecond * burstMs) / 1000);
    this.tokens = this.burst;
    this.lastMs = nowMs;
  }

  /** Milliseconds until `bytes` (at most `burst`) may pass; 0 when they may now. A clock that went back costs time, never a limit. */
  wait(bytes: number, nowMs: number): number {
    this.tokens = Math.min(this.burst, this.tokens + (Math.max(0, nowMs - this.lastMs) * this.perSecond) / 1000);
    this.lastMs = nowMs;
    return this.tokens >= bytes ? 0 : ((bytes - this.tokens) * 1000) / this.perSecond;
  }

  /** After a `wait` of 0 at the same moment. */
  take(bytes: number): void {
    this.tokens -= bytes;
  }
}

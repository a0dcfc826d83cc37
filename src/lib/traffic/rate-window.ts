/** So many URLs in so long are the rate: a second, or as long as one URL takes at rates below 1/s. */
export function findPeriod(ratePerSecond: number): {readonly urls: number; readonly ms: number} {
  const urls = Math.max(1, Math.ceil(ratePerSecond));
  return {urls, ms: Math.ceil((urls / ratePerSecond) * 1000)};
}

/** Requests, and when the last of them had begun at the latest. */
export interface Burst {
  readonly urls: number;
  readonly atMs: number;
}

/** What was asked of a host lately, so that batches that follow each other do not add up to more than the rate. */
export class RateWindow {
  #bursts: readonly Burst[] = [];

  /** How long bursts of so many URLs have to wait, in the order in which they are to begin. */
  findWaitsMs(urls: readonly number[], ratePerSecond: number, nowMs: number): readonly number[] {
    const period = findPeriod(ratePerSecond);
    const young = this.#bursts.filter(({atMs}) => atMs + period.ms > nowMs).sort((a, b) => a.atMs - b.atMs);
    let free = period.urls - young.reduce((sum, burst) => sum + burst.urls, 0);
    let waitMs = 0;
    return urls.map((count) => {
      free -= count;
      while (free < 0) {
        const oldest = young.shift();
        if (oldest === undefined) break;
        free += oldest.urls;
        waitMs = oldest.atMs + period.ms - nowMs;
      }
      return waitMs;
    });
  }

  add(bursts: readonly Burst[], ratePerSecond: number, nowMs: number): void {
    const {ms} = findPeriod(ratePerSecond);
    this.#bursts = [...this.#bursts, ...bursts].filter(({atMs}) => atMs + ms > nowMs);
  }
}

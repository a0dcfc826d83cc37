import type {PushRate} from '../inventory/app.js';

/** A line slower than this is not worth waiting for. */
const slowestPerSecond = 4096;
const graceMs = 10 * 60_000;
/** What a timer can hold. */
const longestMs = 24 * 24 * 60 * 60_000;

/**
 * The longest that one transfer may take, in milliseconds: ten minutes, and its bytes at 4 KiB/s, or at half of its fair share where
 * limits leave less. `concurrency` is how many may share the limits.
 */
export function boundTransfer({
  bytes,
  rate = {},
  concurrency,
}: {
  readonly bytes: number;
  readonly rate?: PushRate | undefined;
  readonly concurrency: number;
}): number {
  const none = Number.POSITIVE_INFINITY;
  const share = Math.min(rate.host ?? none, (rate.silo ?? none) / concurrency, (rate.run ?? none) / concurrency);
  return Math.min(longestMs, Math.ceil(graceMs + (bytes * 1000) / Math.min(slowestPerSecond, share / 2)));
}

import {readCacheVerdict} from './cache-verdict.js';
import type {WarmSample} from './warm-fetch.js';

/** One pass over all URLs. Times are of whole answers, in milliseconds; failures are not among them. */
export interface WarmPass {
  readonly asked: number;
  readonly failed: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  /** Sum of the times of all answers. Compared between passes, because the time on the wall is that of the rate limit. */
  readonly busyMs: number;
  readonly wallMs: number;
  /** Hits among all that were asked; undefined when no answer said anything of a cache. */
  readonly hitRatio?: number;
  /** False when the deadline came first. */
  readonly complete: boolean;
}

export function summarizePass(samples: readonly WarmSample[], wallMs: number, complete: boolean): WarmPass {
  const good = samples.filter((sample) => describeFailure(sample) === undefined);
  const verdicts = good.map((sample) => readCacheVerdict(sample.headers));
  const times = good.map((sample) => sample.ms);
  const hits = verdicts.filter((verdict) => verdict === 'hit').length;
  return {
    asked: samples.length,
    failed: samples.length - good.length,
    p50Ms: percentile(times, 0.5),
    p95Ms: percentile(times, 0.95),
    busyMs: times.reduce((sum, ms) => sum + ms, 0),
    wallMs,
    ...(verdicts.some((verdict) => verdict !== undefined) ? {hitRatio: hits / samples.length} : {}),
    complete,
  };
}

/** Why a sample is no success, in words; undefined when it is one. Statuses below 400 are successes. */
export function describeFailure(sample: WarmSample): string | undefined {
  if (sample.kind === 'failed') return sample.why;
  return sample.status < 400 ? undefined : String(sample.status);
}

/** Nearest rank; 0 of nothing. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}

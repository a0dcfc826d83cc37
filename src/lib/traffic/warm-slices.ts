import {findPeriod} from './rate-window.js';

/** What one lane asks for in one go, with one curl. */
export interface WarmSlice {
  /** Place of its first path in the batch; the others follow it there. */
  readonly first: number;
  readonly paths: readonly string[];
}

/** Slices to be asked one after the other: with `open` of them begun, the next waits until the oldest is a period old. */
export interface WarmLane {
  readonly open: number;
  readonly slices: readonly WarmSlice[];
}

/** A slice may be expected to last this long, because its place is free again only a period after its end. */
const longestSliceMs = 250;
const mostPathsPerSlice = 500;

/**
 * Shares out paths among as few lanes as the rate needs when an answer takes `expectedMs`. The slices that a lane has open are never
 * more than its part of a period, and all lanes together never more than a period.
 */
export function planSlices(batch: {
  readonly paths: readonly string[];
  readonly ratePerSecond: number;
  readonly concurrency: number;
  readonly expectedMs: number;
}): readonly WarmLane[] {
  const {paths, ratePerSecond, concurrency, expectedMs} = batch;
  const {urls} = findPeriod(ratePerSecond);
  const needed = Math.ceil((ratePerSecond * expectedMs) / longestSliceMs);
  const lanes = Math.max(1, Math.min(needed, concurrency, urls, paths.length));
  const size = Math.max(1, Math.min(mostPathsPerSlice, Math.floor(longestSliceMs / expectedMs)));
  return Array.from({length: lanes}, (_, lane) => {
    const slices: WarmSlice[] = [];
    for (let start = 0; start < paths.length; start += urls) {
      const count = Math.min(urls, paths.length - start);
      const end = start + Math.floor(((lane + 1) * count) / lanes);
      for (let first = start + Math.floor((lane * count) / lanes); first < end; first += size)
        slices.push({first, paths: paths.slice(first, Math.min(end, first + size))});
    }
    const share = Math.floor(((lane + 1) * urls) / lanes) - Math.floor((lane * urls) / lanes);
    return {open: Math.ceil(share / size), slices};
  });
}

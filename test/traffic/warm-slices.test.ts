import fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import {findPeriod, RateWindow} from '../../src/lib/traffic/rate-window.js';
import {planSlices} from '../../src/lib/traffic/warm-slices.js';

const batches = fc.record({
  paths: fc.array(fc.constant('/'), {minLength: 1, maxLength: 2_000}),
  ratePerSecond: fc.oneof(fc.double({min: 0.05, max: 40, noNaN: true}), fc.integer({min: 1, max: 3_000})),
  concurrency: fc.integer({min: 1, max: 64}),
  expectedMs: fc.oneof(fc.constant(0), fc.double({min: 0.1, max: 3_000, noNaN: true})),
});

describe('planSlices()', () => {
  it('gives every path to one slice', () => {
    fc.assert(
      fc.property(batches, (batch) => {
        const places = planSlices(batch).flatMap(({slices}) => slices.flatMap(({first, paths}) => paths.map((_, place) => first + place)));
        expect(places.sort((a, b) => a - b)).toEqual([...batch.paths.keys()]);
      }),
    );
  });

  it('never has more lanes than the concurrency, nor more URLs open than a period has', () => {
    fc.assert(
      fc.property(batches, (batch) => {
        const lanes = planSlices(batch);
        const most = lanes.map(({open, slices}) =>
          Math.max(0, ...slices.map((_, from) => slices.slice(from, from + open).reduce((sum, {paths}) => sum + paths.length, 0))),
        );
        expect(lanes.length).toBeLessThanOrEqual(batch.concurrency);
        expect(most.reduce((sum, urls) => sum + urls, 0)).toBeLessThanOrEqual(findPeriod(batch.ratePerSecond).urls);
      }),
    );
  });

  it('gives one curl all that one second allows when answers are quick', () => {
    const paths = Array.from({length: 40}, () => '/');
    const lanes = planSlices({paths, ratePerSecond: 20, concurrency: 4, expectedMs: 1});
    expect(lanes.map(({open, slices}) => [open, slices.map((slice) => slice.paths.length)])).toEqual([[1, [20, 20]]]);
  });
});

describe('RateWindow', () => {
  it('lets bursts begin as the ones before them grow old', () => {
    const window = new RateWindow();
    expect(window.findWaitsMs([6, 4], 10, 0)).toEqual([0, 0]);
    window.add(
      [
        {urls: 4, atMs: 900},
        {urls: 6, atMs: 500},
      ],
      10,
      900,
    );
    expect(window.findWaitsMs([3, 3, 1, 3], 10, 1_000)).toEqual([500, 500, 900, 900]);
    expect(window.findWaitsMs([6, 4], 10, 1_500)).toEqual([0, 400]);
    expect(window.findWaitsMs([10], 10, 1_900)).toEqual([0]);
  });

  it('lets no more than the rate begin in any one period', () => {
    const rounds = fc.array(fc.record({urls: fc.integer({min: 1, max: 8}), idleMs: fc.integer({min: 0, max: 700})}), {maxLength: 30});
    fc.assert(
      fc.property(rounds, (steps) => {
        const window = new RateWindow();
        const begun: {urls: number; atMs: number}[] = [];
        let nowMs = 0;
        for (const {urls, idleMs} of steps) {
          const [waitMs = 0] = window.findWaitsMs([urls], 8, nowMs);
          nowMs += waitMs;
          begun.push({urls, atMs: nowMs});
          window.add([{urls, atMs: nowMs}], 8, nowMs);
          nowMs += idleMs;
        }
        for (const {atMs} of begun) {
          const inOneSecond = begun.filter((burst) => burst.atMs >= atMs && burst.atMs < atMs + 1_000);
          expect(inOneSecond.reduce((sum, burst) => sum + burst.urls, 0)).toBeLessThanOrEqual(8);
        }
      }),
    );
  });
});

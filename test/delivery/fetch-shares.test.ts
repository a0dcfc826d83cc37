import {describe, expect, it} from 'vitest';
import {FetchShares} from '../../src/lib/delivery/fetch-shares.js';
import type {PushRate} from '../../src/lib/inventory/app.js';

const hosts = Array.from({length: 12}, (_, index) => ({name: `web${index}` as never, silo: `silo${index % 3}` as never}));
const share = (rate: PushRate, concurrency: number, host = 0): number | undefined => {
  const found = hosts[host];
  return found === undefined ? undefined : new FetchShares(rate, concurrency, hosts).shareOf(found);
};

describe('FetchShares', () => {
  it('limits nobody where nothing is said', () => {
    expect(share({}, 8)).toBeUndefined();
  });

  it('divides the limits of the run and of a silo among those that may take at once, and takes the least', () => {
    expect(share({run: 120_000}, 100)).toBe(10_000);
    expect(share({run: 120_000}, 4)).toBe(30_000);
    expect(share({silo: 120_000}, 100)).toBe(30_000);
    expect(share({host: 5000, silo: 120_000, run: 120_000}, 100)).toBe(5000);
  });

  it('never says less than a kibibyte, which would look like a stall', () => {
    expect(share({run: 2000}, 100)).toBe(1024);
  });

  it('never gives those under way more than the limits, in whatever order they begin and end', () => {
    let state = 7;
    const draw = (below: number): number => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return (state >>> 16) % below;
    };
    for (let round = 0; round < 200; round += 1) {
      const concurrency = 1 + draw(6);
      const shares = new FetchShares({silo: 100_000, run: 150_000}, concurrency, hosts);
      const waiting = [...hosts];
      const active: {host: (typeof hosts)[number]; share: number}[] = [];
      while (waiting.length + active.length > 0) {
        const next = active.length < concurrency && draw(2) === 0 ? waiting.pop() : undefined;
        if (next !== undefined) active.push({host: next, share: shares.shareOf(next) ?? Number.NaN});
        else for (const {host} of active.splice(draw(active.length), 1)) shares.leave(host);
        const sum = (some: typeof active): number => some.reduce((total, each) => total + each.share, 0);
        expect(sum(active)).toBeLessThanOrEqual(150_000);
        for (const silo of ['silo0', 'silo1', 'silo2'])
          expect(sum(active.filter(({host}) => host.silo === silo))).toBeLessThanOrEqual(100_000);
      }
    }
  });
});

import {describe, expect, it} from 'vitest';
import {HostPool, type HostPoolOptions} from '../../src/lib/fanout/host-pool.js';
import {LatencyRing} from '../../src/lib/fanout/latency-ring.js';

/** The generator that the vectors were made with. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** A pool whose clock the test turns. */
function makePool(names: readonly string[], more: Partial<HostPoolOptions> = {}): {pool: HostPool; clock: {ms: number}} {
  const clock = {ms: 0};
  return {pool: new HostPool(names, {now: () => clock.ms, random: mulberry32(1), jitter: false, ...more}), clock};
}

/** Goes round and never explores by chance. */
const inTurn = {epsilon: 1, random: () => 0};

/** The share of `name` in many picks whose hosts take as long as `times` says. */
function share(pool: HostPool, clock: {ms: number}, times: Record<string, number>, name: string): number {
  let chosen = 0;
  for (let picks = 0; picks < 12_000; picks++) {
    if (picks % 100 === 0) clock.ms += 2500;
    const pick = pool.pick();
    pick?.succeed(times[pick.name]);
    if (pick?.name === name) chosen++;
  }
  return chosen / 12_000;
}

describe('HostPool', () => {
  it.each([1, 2, 3])('gives the faster of two its share, and learns when they change places (seed %i)', (seed) => {
    const {pool, clock} = makePool(['a', 'b'], {random: mulberry32(seed)});
    const before = share(pool, clock, {a: 200, b: 300}, 'a');
    expect(before).toBeGreaterThan(0.585);
    expect(before).toBeLessThan(0.615);
    const after = share(pool, clock, {a: 500, b: 100}, 'b');
    expect(after).toBeGreaterThan(0.68);
    expect(after).toBeLessThan(0.71);
  });

  it.each([
    ['linear', undefined, 0.6],
    ['log', (ms: number) => 1 / Math.log(ms + 1), 0.5106],
    ['polynomial', (ms: number) => 1 / ms ** 2, 0.6923],
  ])('shares by a %s score', (_, score, expected) => {
    const {pool, clock} = makePool(['a', 'b'], {epsilon: 0, ...(score === undefined ? {} : {score})});
    for (const ms of [200, 300]) pool.pick(new Set([ms === 200 ? 'a' : 'b']))?.succeed(ms);
    expect(share(pool, clock, {a: 200, b: 300}, 'a')).toBeCloseTo(expected, 1);
    expect(Math.abs(share(pool, clock, {a: 200, b: 300}, 'a') - expected)).toBeLessThan(0.012);
  });

  it('tries a lost host again after 30, 60, 120 … 900 s', () => {
    const {pool, clock} = makePool(['a', 'b'], inTurn);
    clock.ms = -1;
    pool.pick(new Set(['a']))?.fail(0);
    const tried: number[] = [];
    for (let second = 0; second <= 3700; second++) {
      clock.ms = second * 1000;
      for (const pick of [pool.pick(), pool.pick()]) {
        if (pick?.name !== 'a') continue;
        tried.push(second);
        pick.fail(0);
      }
    }
    expect(tried).toEqual([30, 91, 212, 453, 934, 1835, 2736, 3637]);
  });

  it('goes round, leaves lost hosts out, takes them back, and takes one word per pick', () => {
    const {pool} = makePool(['a', 'b', 'c'], inTurn);
    const [a, b, c] = [pool.pick(), pool.pick(), pool.pick()];
    expect([a?.name, b?.name, c?.name]).toEqual(['a', 'b', 'c']);
    a?.fail();
    b?.fail();
    expect([pool.pick()?.name, pool.pick()?.name]).toEqual(['c', 'c']);
    a?.succeed();
    expect(pool.pick()?.name).toBe('c');
    pool.pick(new Set(['a']))?.succeed();
    expect([pool.pick()?.name, pool.pick()?.name]).toEqual(['a', 'c']);
  });

  it('still gives one when all are lost, and not always the same', () => {
    const {pool} = makePool(['a', 'b', 'c']);
    for (const name of ['a', 'b', 'c']) pool.pick(new Set([name]))?.fail();
    expect(new Set(Array.from({length: 50}, () => pool.pick()?.name))).toEqual(new Set(['a', 'b', 'c']));
    expect(pool.table().map((row) => row.state)).toEqual(['lost', 'lost', 'lost']);
  });

  it('never gives one that was struck off, and none when nobody is left', () => {
    const {pool} = makePool(['a', 'b'], inTurn);
    pool.strike('a');
    expect([pool.pick()?.name, pool.pick()?.name]).toEqual(['b', 'b']);
    pool.strike('b');
    expect(pool.pick()).toBeUndefined();
    expect(pool.pick(new Set())).toBeUndefined();
  });

  it('does not rush onto a host of which little is known', () => {
    const {pool, clock} = makePool(['old', 'new'], {epsilon: 0});
    for (let bucket = 0; bucket < 120; bucket++) {
      clock.ms += 2500;
      pool.pick(new Set(['old']))?.succeed(200);
    }
    pool.pick(new Set(['new']))?.succeed(200);
    const chosen = Array.from({length: 4000}, () => pool.pick()?.name).filter((name) => name === 'new').length;
    expect(chosen / 4000).toBeGreaterThan(0.45);
    expect(chosen / 4000).toBeLessThan(0.55);
  });

  it('measures below a millisecond, and counts the time of failures', () => {
    const {pool} = makePool(['a', 'b'], {failuresToLose: 2});
    pool.pick(new Set(['a']))?.succeed(0.25);
    pool.pick(new Set(['b']))?.fail(5000);
    expect(pool.table()).toEqual([
      {name: 'a', state: 'alive', meanMs: 0.25},
      {name: 'b', state: 'alive', meanMs: 5000},
    ]);
    pool.pick(new Set(['b']))?.fail(5000);
    expect(pool.table()[1]).toMatchObject({state: 'lost', retryInMs: 30_000});
  });

  it('draws the wait of a lost host, so that clients do not come back at once', () => {
    const {pool} = makePool(['a'], {jitter: true, random: () => 0});
    pool.pick()?.fail();
    expect(pool.table()[0]?.retryInMs).toBe(15_000);
  });

  it('refuses an empty pool, a name twice, and a stranger', () => {
    expect(() => makePool([])).toThrow('at least one host');
    expect(() => makePool(['a', 'a'])).toThrow('a is twice in one pool');
    expect(() => makePool(['a']).pool.strike('b')).toThrow('b is not in this pool');
  });
});

describe('LatencyRing', () => {
  it('weighs 60.5 in all: one old time beside full newer ones hardly counts, and what left the window is forgotten', () => {
    const ring = new LatencyRing(300_000, 0);
    ring.add(100, 0);
    for (let bucket = 1; bucket < 120; bucket++) ring.add(200, bucket * 2500);
    expect(ring.mean(119 * 2500)).toBeCloseTo(200 - (100 * (1 / 120)) / 60.5, 9);
    expect(ring.mean(120 * 2500)).toBe(200);
    expect(ring.mean(10_000 * 2500)).toBeUndefined();
  });
});

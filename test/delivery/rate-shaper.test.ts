import {PassThrough, Readable} from 'node:stream';
import {pipeline} from 'node:stream/promises';
import fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import {RateShaper} from '../../src/lib/delivery/rate-shaper.js';
import type {PushRate} from '../../src/lib/inventory/app.js';
import {VirtualClock} from './virtual-clock.js';

const kilo = 1024;
const mega = 1024 * 1024;

/** Bytes without end, in pieces of a file. */
function endless(piece = 64 * kilo): Readable {
  const bytes = Buffer.alloc(piece);
  return new Readable({
    highWaterMark: piece,
    read() {
      this.push(bytes);
    },
  });
}

/** A fleet of transfers on a virtual clock, and what passed when. */
class Traffic {
  readonly clock = new VirtualClock();
  readonly shaper: RateShaper;
  readonly passed: {readonly atMs: number; readonly host: string; readonly silo: string; readonly bytes: number}[] = [];

  constructor(readonly limits: PushRate) {
    this.shaper = new RateShaper(limits, this.clock);
  }

  /** Reads as fast as it may, or rests `restMs` after each slice; resolves when `source` ends. */
  start(host: string, {silo = 'eu', source = endless(), restMs = 0} = {}): {readonly stream: Readable; readonly over: Promise<void>} {
    const stream = this.shaper.shape(source, {name: host, silo});
    const read = async (): Promise<void> => {
      for await (const piece of stream as AsyncIterable<Buffer>) {
        this.passed.push({atMs: this.clock.now(), host, silo, bytes: piece.length});
        if (restMs > 0) await this.clock.sleep(restMs);
      }
    };
    const over = read().catch(() => undefined);
    return {stream, over};
  }

  sum(of: (entry: {readonly host: string; readonly silo: string}) => boolean, fromMs = 0, toMs = Number.POSITIVE_INFINITY): number {
    return this.passed.reduce((sum, entry) => sum + (of(entry) && entry.atMs >= fromMs && entry.atMs < toMs ? entry.bytes : 0), 0);
  }

  host(name: string, fromMs?: number, toMs?: number): number {
    return this.sum((entry) => entry.host === name, fromMs, toMs);
  }
}

/** The most that passed in any window, less what the limit allows in it: at most the burst. */
function excess(entries: readonly {readonly atMs: number; readonly bytes: number}[], perSecond: number): number {
  // Kadane's: each entry brings its bytes, the time before it takes the limit's worth away.
  let worst = 0;
  let sum = 0;
  let lastMs = 0;
  for (const {atMs, bytes} of entries) {
    sum = Math.max(0, sum - ((atMs - lastMs) * perSecond) / 1000) + bytes;
    worst = Math.max(worst, sum);
    lastMs = atMs;
  }
  return worst;
}

describe('RateShaper', () => {
  it('is not there where nothing is limited', () => {
    const source = endless();
    expect(new RateShaper({}, new VirtualClock()).shape(source, {name: 'web1', silo: 'eu'})).toBe(source);
  });

  it.each([
    ['host', 5 * mega],
    ['silo', 5 * mega],
    ['run', 5 * mega],
    ['run', 1024],
  ] as const)('holds one transfer to the limit of its %s, %d bytes a second', async (level, perSecond) => {
    const traffic = new Traffic({[level]: perSecond});
    traffic.start('web1');
    await traffic.clock.run(10_000);
    expect(traffic.host('web1')).toBeGreaterThan(perSecond * 9.9);
    expect(traffic.host('web1')).toBeLessThanOrEqual(perSecond * 10.1 + 1);
  });

  it('shares what the run may have among all transfers alike, whatever the size of their pieces', async () => {
    const traffic = new Traffic({run: 8 * mega});
    const pieces = [64 * kilo, 3 * kilo, 1000, 200 * kilo];
    for (let number = 0; number < 16; number++)
      traffic.start(`web${number}`, {silo: `s${number % 3}`, source: endless(pieces[number % 4])});
    await traffic.clock.run(20_000);
    for (let number = 0; number < 16; number++) expect(traffic.host(`web${number}`) / (10 * mega)).toBeCloseTo(1, 1);
  });

  it('gives what some cannot use to the others: a capped host, a capped silo, a slow reader', async () => {
    const traffic = new Traffic({host: 4 * mega, silo: 6 * mega, run: 9 * mega});
    for (const host of ['eu1', 'eu2', 'eu3', 'eu4', 'eu5', 'eu6']) traffic.start(host);
    traffic.start('us1', {silo: 'us'});
    // A slice of at most 64 KiB each second.
    traffic.start('us2', {silo: 'us', restMs: 1000});
    await traffic.clock.run(20_000);
    const perSecond = (host: string): number => traffic.host(host, 1000, 20_000) / 19 / mega;
    expect(perSecond('us2')).toBeLessThan(0.07);
    // Fair among seven would be 1.28; us1 gets no more than a host may, and no less than its share.
    expect(perSecond('us1')).toBeGreaterThan(1.2);
    for (const host of ['eu1', 'eu2', 'eu3', 'eu4', 'eu5', 'eu6']) expect(perSecond(host)).toBeGreaterThan(0.9);
    expect(traffic.sum(() => true, 1000, 20_000) / 19 / mega).toBeGreaterThan(8.8);
  });

  it('holds a silo of many to its limit and lets a lonely host of another silo have the rest', async () => {
    const traffic = new Traffic({silo: 2 * mega, run: 3 * mega});
    for (let number = 0; number < 20; number++) traffic.start(`eu${number}`);
    traffic.start('us1', {silo: 'us'});
    await traffic.clock.run(20_000);
    expect(traffic.host('us1') / 20 / mega).toBeGreaterThan(0.95);
    for (let number = 0; number < 20; number++) expect(traffic.host(`eu${number}`) / 20 / (0.1 * mega)).toBeCloseTo(1, 1);
  });

  it('shares anew when transfers end, begin and are cut', async () => {
    const traffic = new Traffic({run: 6 * mega});
    const going = ['a', 'b', 'c'].map((host) => traffic.start(host));
    await traffic.clock.run(10_000);
    going[0]?.stream.destroy();
    await traffic.clock.run(20_000);
    traffic.start('d');
    going[1]?.stream.destroy();
    await traffic.clock.run(30_000);
    const mean = (host: string, from: number): number => traffic.host(host, from + 500, from + 9500) / 9 / mega;
    expect([mean('a', 0), mean('b', 0), mean('c', 0)].map(Math.round)).toEqual([2, 2, 2]);
    expect([mean('a', 10_000), mean('b', 10_000), mean('c', 10_000)].map(Math.round)).toEqual([0, 3, 3]);
    expect([mean('b', 20_000), mean('c', 20_000), mean('d', 20_000)].map(Math.round)).toEqual([0, 3, 3]);
    expect(traffic.sum(() => true) / 30 / mega).toBeCloseTo(6, 1);
  });

  it('saves nothing up for who was away, and owes nothing', async () => {
    const traffic = new Traffic({run: mega});
    let hold = true;
    const stuttering = new Readable({read: () => undefined});
    const feed = (): void => {
      if (!hold) for (let count = 0; count < 2000; count++) stuttering.push(Buffer.alloc(16 * kilo));
    };
    traffic.start('away', {source: stuttering});
    traffic.start('busy');
    await traffic.clock.run(60_000);
    expect(traffic.host('busy') / 60 / mega).toBeCloseTo(1, 1);
    hold = false;
    feed();
    await traffic.clock.run(70_000);
    const share = traffic.host('away', 60_000) / (10 * mega);
    expect(share).toBeGreaterThan(0.48);
    expect(share).toBeLessThan(0.53);
  });

  it('keeps nobody waiting long, however many share a narrow limit', async () => {
    const traffic = new Traffic({run: 16 * kilo});
    for (let number = 0; number < 200; number++) traffic.start(`web${number}`, {silo: `s${number % 4}`});
    await traffic.clock.run(10_000);
    for (let number = 0; number < 200; number++) {
      const moments = traffic.passed.filter(({host}) => host === `web${number}`).map(({atMs}) => atMs);
      const gaps = moments.slice(1).map((atMs, index) => atMs - (moments[index] ?? 0));
      expect(Math.max(...gaps), `web${number}`).toBeLessThan(2500);
    }
  });

  it('gives a host that connects anew no new burst', async () => {
    const traffic = new Traffic({host: 64 * kilo});
    for (let round = 0; round < 50; round++) {
      const {stream} = traffic.start('web1');
      await traffic.clock.run(round * 10 + 10);
      stream.destroy();
    }
    expect(traffic.host('web1')).toBeLessThanOrEqual(64 * kilo * (0.5 + 0.1));
  });

  it('passes bytes on unchanged, and an end and an error of the source', async () => {
    const clock = new VirtualClock();
    const shaper = new RateShaper({host: 100 * kilo, run: 150 * kilo}, clock);
    const bytes = Buffer.from(Array.from({length: 300_000}, (_, index) => (index * 31) % 251));
    const out = new PassThrough({highWaterMark: 1 << 20});
    const piped = pipeline(
      shaper.shape(Readable.from([bytes.subarray(0, 100_001), Buffer.alloc(0), bytes.subarray(100_001)]), {name: 'a', silo: 's'}),
      out,
    );
    await clock.run(5000);
    await piped;
    expect((out.read() as Buffer).equals(bytes)).toBe(true);
    const failing = shaper.shape(
      Readable.from(
        (async function* () {
          yield bytes.subarray(0, 10);
          throw new Error('disk gone');
        })(),
      ),
      {name: 'b', silo: 's'},
    );
    const told = failing.toArray();
    told.catch(() => undefined);
    await clock.run(6000);
    await expect(told).rejects.toThrow('disk gone');
  });

  it('lets go at once when it is abandoned: no timer, no source, no share', async () => {
    const traffic = new Traffic({run: 1024});
    const source = endless();
    const {stream, over} = traffic.start('web1', {source});
    await traffic.clock.run(1000);
    expect(traffic.clock.pending).toBe(1);
    stream.destroy();
    await over;
    expect(source.destroyed).toBe(true);
    expect(traffic.clock.pending).toBe(0);
  });

  it('survives a clock that jumps, within its limits', async () => {
    const clock = new VirtualClock();
    let shiftMs = 0;
    const shaper = new RateShaper({run: 100 * kilo}, {now: () => clock.now() + shiftMs, after: clock.after});
    let bytes = 0;
    const stream = shaper.shape(endless(), {name: 'a', silo: 's'});
    stream.on('data', (piece: Buffer) => {
      bytes += piece.length;
    });
    await clock.run(10_000);
    shiftMs = -3_600_000;
    await clock.run(20_000);
    shiftMs = 3_600_000;
    await clock.run(30_000);
    expect(bytes).toBeGreaterThan(100 * kilo * 29);
    expect(bytes).toBeLessThanOrEqual(100 * kilo * (30 + 0.3));
  });

  it('exceeds no limit over any window by more than a tenth of a second, whatever comes and goes', async () => {
    const limit = fc.option(fc.integer({min: 1024, max: 4 * mega}), {nil: undefined});
    const transfer = fc.record({
      host: fc.integer({min: 0, max: 5}),
      beginMs: fc.integer({min: 0, max: 3000}),
      lastMs: fc.integer({min: 1, max: 3000}),
      restMs: fc.constantFrom(0, 0, 7, 300),
      piece: fc.constantFrom(1, 999, 16 * kilo, 64 * kilo, 300 * kilo),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.record({host: limit, silo: limit, run: limit}),
        fc.array(transfer, {minLength: 1, maxLength: 12}),
        async (limits, transfers) => {
          if (limits.host === undefined && limits.silo === undefined && limits.run === undefined) return;
          const traffic = new Traffic(limits);
          for (const {host, beginMs, lastMs, restMs, piece} of transfers)
            traffic.clock.after(beginMs, () => {
              // One byte at a time is checked with a source that ends.
              const source = piece === 1 ? Readable.from(Array.from({length: 200}, () => Buffer.alloc(1))) : endless(piece);
              const {stream} = traffic.start(`web${host}`, {silo: `s${host % 2}`, source, restMs});
              traffic.clock.after(lastMs, () => stream.destroy());
            });
          await traffic.clock.run(6000);
          const check = (name: string, perSecond: number | undefined, of: (entry: {host: string; silo: string}) => boolean): void => {
            if (perSecond !== undefined) expect(excess(traffic.passed.filter(of), perSecond), name).toBeLessThanOrEqual(perSecond / 10 + 1);
          };
          check('run', limits.run, () => true);
          for (const silo of ['s0', 's1']) check(silo, limits.silo, (entry) => entry.silo === silo);
          for (let host = 0; host < 6; host++) check(`web${host}`, limits.host, (entry) => entry.host === `web${host}`);
          expect(traffic.clock.pending).toBeLessThanOrEqual(transfers.length);
        },
      ),
      {numRuns: 60},
    );
  });
});

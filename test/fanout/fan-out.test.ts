import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import {DroverError} from '../../src/lib/errors/drover-error.js';
import {type FanOutOptions, fanOut, type Outcome} from '../../src/lib/fanout/fan-out.js';

const once = {attempts: 1, firstDelayMs: 0, maxDelayMs: 0};
const refused = (item: string | number): DroverError => new DroverError({code: 'refused', message: `${item} refused`});

/** Attempts that end when the test says so. */
class Gate {
  readonly running = new Map<string, {resolve(value: string): void; reject(error: unknown): void}>();
  readonly started: string[] = [];

  readonly attempt = (item: string): Promise<string> =>
    new Promise((resolve, reject) => {
      this.started.push(item);
      this.running.set(item, {resolve, reject});
    });

  async end(item: string, error?: unknown): Promise<void> {
    const entry = this.running.get(item);
    if (entry === undefined) throw new Error(`${item} is not running`);
    this.running.delete(item);
    if (error === undefined) entry.resolve(`${item}!`);
    else entry.reject(error);
    await settle();
  }
}

/** Lets everything that is ready to go on do so. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function options<T, R>(more: Partial<FanOutOptions<T, R>> = {}): FanOutOptions<T, R> {
  return {concurrency: 2, retry: once, random: () => 0, signal: new AbortController().signal, ...more};
}

const kinds = (outcomes: readonly Outcome<unknown, unknown>[]): string[] => outcomes.map((outcome) => outcome.kind);

describe('fanOut()', () => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown): void => void unhandled.push(reason);
  beforeEach(() => void process.on('unhandledRejection', note));
  afterEach(async () => {
    await settle();
    process.off('unhandledRejection', note);
    expect(unhandled.splice(0)).toEqual([]);
  });

  it('runs no more at once than it may, and the next one as soon as one has ended', async () => {
    const gate = new Gate();
    const all = fanOut(['a', 'b', 'c', 'd'], gate.attempt, options());
    await settle();
    expect(gate.started).toEqual(['a', 'b']);
    await gate.end('b');
    expect(gate.started).toEqual(['a', 'b', 'c']);
    await gate.end('c');
    await gate.end('d');
    await gate.end('a');
    expect(await all).toMatchObject([{value: 'a!'}, {value: 'b!'}, {value: 'c!'}, {value: 'd!'}]);
  });

  it('gives outcomes in the order of the items and tells them in the order in which they end', async () => {
    const gate = new Gate();
    const told: string[] = [];
    const all = fanOut(['a', 'b', 'c'], gate.attempt, options({concurrency: 3, onOutcome: (outcome) => void told.push(outcome.item)}));
    await settle();
    await gate.end('c');
    await gate.end('a');
    await gate.end('b');
    expect((await all).map((outcome) => outcome.item)).toEqual(['a', 'b', 'c']);
    expect(told).toEqual(['c', 'a', 'b']);
  });

  it('handles 2,000 items with at most 50 at once', async () => {
    let running = 0;
    let most = 0;
    const items = Array.from({length: 2000}, (_, index) => index);
    const attempt = async (item: number): Promise<number> => {
      most = Math.max(most, ++running);
      await settle();
      running--;
      if (item % 7 === 0) throw refused(item);
      return item;
    };
    const outcomes = await fanOut(items, attempt, options({concurrency: 50}));
    expect(most).toBe(50);
    expect(outcomes.map((outcome) => outcome.item)).toEqual(items);
    expect(kinds(outcomes)).toEqual(items.map((item) => (item % 7 === 0 ? 'failed' : 'done')));
  });

  it('does not reject because an item failed on purpose', async () => {
    const outcomes = await fanOut(['a', 'b'], async (item) => (item === 'a' ? Promise.reject(refused(item)) : item), options());
    expect(outcomes).toEqual([
      {kind: 'failed', item: 'a', problem: {code: 'refused', message: 'a refused'}},
      {kind: 'done', item: 'b', value: 'b'},
    ]);
  });

  it('starts no further item once the budget is spent, and finishes what runs', async () => {
    const gate = new Gate();
    const all = fanOut(['a', 'b', 'c', 'd', 'e'], gate.attempt, options({budget: 1}));
    await settle();
    await gate.end('a', refused('a'));
    await gate.end('b', refused('b'));
    expect(gate.started).toEqual(['a', 'b', 'c']);
    await gate.end('c');
    expect(kinds(await all)).toEqual(['failed', 'failed', 'done', 'skipped', 'skipped']);
  });

  it('with a budget of nothing stops at the first failure', async () => {
    const outcomes = await fanOut(['a', 'b', 'c'], async (item) => Promise.reject(refused(item)), options({concurrency: 1, budget: 0}));
    expect(kinds(outcomes)).toEqual(['failed', 'skipped', 'skipped']);
  });

  it('told to drain finishes what runs and skips the rest', async () => {
    const gate = new Gate();
    const drain = new AbortController();
    const all = fanOut(['a', 'b', 'c'], gate.attempt, options({drain: drain.signal}));
    await settle();
    drain.abort();
    await gate.end('a');
    await gate.end('b');
    expect(kinds(await all)).toEqual(['done', 'done', 'skipped']);
  });

  it('aborted calls what runs interrupted and the rest skipped', async () => {
    const abort = new AbortController();
    const attempt = (item: string): Promise<string> =>
      new Promise((_, reject) => {
        if (item === 'b') queueMicrotask(() => abort.abort());
        abort.signal.addEventListener('abort', () => reject(abort.signal.reason));
      });
    expect(kinds(await fanOut(['a', 'b', 'c'], attempt, options({signal: abort.signal})))).toEqual([
      'interrupted',
      'interrupted',
      'skipped',
    ]);
  });

  it('aborted before it begins attempts nothing', async () => {
    const gate = new Gate();
    expect(kinds(await fanOut(['a', 'b'], gate.attempt, options({signal: AbortSignal.abort()})))).toEqual(['skipped', 'skipped']);
    expect(gate.started).toEqual([]);
  });

  it('aborted while it waits for another try calls the item interrupted', async () => {
    const abort = new AbortController();
    const outcomes = await fanOut(['a'], async () => Promise.reject(new DroverError({code: 'unreachable', message: 'gone'})), {
      ...options<string, never>({signal: abort.signal, random: () => 0.999}),
      retry: {attempts: 2, firstDelayMs: 60_000, maxDelayMs: 60_000},
      onRetry: () => abort.abort(),
    });
    expect(kinds(outcomes)).toEqual(['interrupted']);
  });

  it('throws a bug through once what runs has ended, and starts nothing more', async () => {
    const gate = new Gate();
    let over = false;
    const all = fanOut(['a', 'b', 'c'], gate.attempt, options()).finally(() => {
      over = true;
    });
    const ending = expect(all).rejects.toThrow('a is undefined');
    await settle();
    await gate.end('a', new TypeError('a is undefined'));
    expect(over).toBe(false);
    expect(gate.started).toEqual(['a', 'b']);
    await gate.end('b');
    await ending;
    expect(over).toBe(true);
  });

  it('throws a bug of who listens through in the same way', async () => {
    const gate = new Gate();
    let over = false;
    const onOutcome = (outcome: Outcome<string, string>): void => {
      if (outcome.item === 'a') throw new TypeError('the listener is broken');
    };
    const all = fanOut(['a', 'b', 'c'], gate.attempt, options({onOutcome})).finally(() => {
      over = true;
    });
    const ending = expect(all).rejects.toThrow('the listener is broken');
    await settle();
    await gate.end('a');
    expect(over).toBe(false);
    await gate.end('b');
    await ending;
    expect(gate.started).toEqual(['a', 'b']);
  });

  it('gives nothing for nothing', async () => {
    expect(await fanOut([], async () => 1, options())).toEqual([]);
  });

  it('tells which item is tried again', async () => {
    const retried: string[] = [];
    let tries = 0;
    const attempt = async (item: string): Promise<string> => {
      if (item === 'b' && ++tries < 3) throw new DroverError({code: 'unreachable', message: `no way to ${item}`});
      return item;
    };
    const outcomes = await fanOut(['a', 'b'], attempt, {
      ...options<string, string>(),
      retry: {attempts: 3, firstDelayMs: 1, maxDelayMs: 1},
      onRetry: (item, notice) => void retried.push(`${item} ${notice.attempt}/${notice.of}: ${notice.why}`),
    });
    expect(kinds(outcomes)).toEqual(['done', 'done']);
    expect(retried).toEqual(['b 1/3: no way to b', 'b 2/3: no way to b']);
  });
});

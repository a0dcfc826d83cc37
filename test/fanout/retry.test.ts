import fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import {type ErrorCode, errorCodes} from '../../src/lib/errors/codes.js';
import {DroverError} from '../../src/lib/errors/drover-error.js';
import {defaultRetry, type RetryNotice, retryTransient} from '../../src/lib/fanout/retry.js';

const quick = {attempts: 3, firstDelayMs: 1, maxDelayMs: 1};
const patiently = new AbortController().signal;
const failure = (code: ErrorCode): DroverError => new DroverError({code, message: `it is ${code}`});

describe('retryTransient()', () => {
  it('tries again what could not be reached, until it succeeds', async () => {
    let tries = 0;
    const attempt = async (): Promise<string> => (++tries < 3 ? Promise.reject(failure('unreachable')) : 'there');
    expect(await retryTransient(attempt, {policy: quick, random: () => 0, signal: patiently})).toBe('there');
    expect(tries).toBe(3);
  });

  it('throws the last failure once the tries are spent', async () => {
    let tries = 0;
    const attempt = async (): Promise<never> => Promise.reject(new DroverError({code: 'unreachable', message: `try ${++tries}`}));
    await expect(retryTransient(attempt, {policy: quick, random: () => 0, signal: patiently})).rejects.toThrow('try 3');
    expect(tries).toBe(3);
  });

  it.each((Object.keys(errorCodes) as ErrorCode[]).filter((code) => code !== 'unreachable'))(
    'never tries again what is %s',
    async (code) => {
      let tries = 0;
      const attempt = async (): Promise<never> => {
        tries++;
        throw failure(code);
      };
      await expect(retryTransient(attempt, {policy: quick, random: () => 0, signal: patiently})).rejects.toThrow(`it is ${code}`);
      expect(tries).toBe(1);
    },
  );

  it('never tries a bug again', async () => {
    let tries = 0;
    const attempt = async (): Promise<never> => {
      tries++;
      throw new TypeError('x is undefined');
    };
    await expect(retryTransient(attempt, {policy: quick, random: () => 0, signal: patiently})).rejects.toThrow(TypeError);
    expect(tries).toBe(1);
  });

  it('does not try again after an abort', async () => {
    const abort = new AbortController();
    let tries = 0;
    const attempt = async (): Promise<never> => {
      tries++;
      abort.abort();
      throw failure('unreachable');
    };
    await expect(retryTransient(attempt, {policy: quick, random: () => 0, signal: abort.signal})).rejects.toThrow('it is unreachable');
    expect(tries).toBe(1);
  });

  it('says before each wait which try failed, why, and how long it waits', async () => {
    const notices: RetryNotice[] = [];
    const attempt = async (): Promise<never> => Promise.reject(failure('unreachable'));
    const policy = {attempts: 5, firstDelayMs: 2, maxDelayMs: 5};
    await expect(
      retryTransient(attempt, {policy, random: () => 0.9999, signal: patiently, onRetry: (notice) => void notices.push(notice)}),
    ).rejects.toThrow();
    expect(notices).toEqual([2, 4, 5, 5].map((waitMs, index) => ({attempt: index + 1, of: 5, waitMs, why: 'it is unreachable'})));
  });

  it('waits at random between nothing and the cap, which doubles from try to try up to its most', async () => {
    const policy = fc.record({
      attempts: fc.integer({min: 2, max: 8}),
      firstDelayMs: fc.integer({min: 0, max: 5000}),
      maxDelayMs: fc.integer({min: 0, max: 20_000}),
    });
    await fc.assert(
      fc.asyncProperty(
        policy,
        fc.integer({min: 1, max: 7}),
        fc.double({min: 0, max: 1, maxExcluded: true, noNaN: true}),
        async (chosen, stopAt, drawn) => {
          const abort = new AbortController();
          const attempt = async (): Promise<never> => Promise.reject(failure('unreachable'));
          const waits: number[] = [];
          let draw = 0;
          const onRetry = ({waitMs}: RetryNotice): void => {
            waits.push(waitMs);
            if (waits.length === stopAt) abort.abort();
          };
          // All draws before the last one are nothing, so that no time is spent waiting.
          const random = (): number => (++draw === stopAt ? drawn : 0);
          await expect(retryTransient(attempt, {policy: chosen, random, signal: abort.signal, onRetry})).rejects.toThrow();
          expect(waits.length).toBeLessThanOrEqual(chosen.attempts - 1);
          const cap = Math.min(chosen.maxDelayMs, chosen.firstDelayMs * 2 ** (stopAt - 1));
          if (waits.length === stopAt) expect(Math.abs(waits[stopAt - 1]! - drawn * cap)).toBeLessThanOrEqual(0.5);
        },
      ),
      {numRuns: 60},
    );
  });

  it('by default waits 3 s at most in all', async () => {
    const {attempts, firstDelayMs, maxDelayMs} = defaultRetry;
    const waits = Array.from({length: attempts - 1}, (_, index) => Math.min(maxDelayMs, firstDelayMs * 2 ** index));
    expect(waits.reduce((sum, each) => sum + each, 0)).toBe(3000);
  });
});

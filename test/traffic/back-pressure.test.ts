import {describe, expect, it} from 'vitest';
import {BackPressure} from '../../src/lib/traffic/back-pressure.js';
import type {WarmSample} from '../../src/lib/traffic/warm-fetch.js';

const answers = (status: number, ms: number, headers: Record<string, string> = {}): WarmSample[] =>
  Array.from({length: 10}, () => ({kind: 'answered', path: '/', status, ms, headers}));

describe('BackPressure', () => {
  it.each([429, 503])('halves the rate and waits twice as long each time in a row on %i', (status) => {
    const pressure = new BackPressure(16);
    expect([1, 2, 3].map(() => pressure.assess(answers(status, 5)))).toEqual([1_000, 2_000, 4_000]);
    expect([pressure.ratePerSecond, pressure.total]).toEqual([2, 3]);
  });

  it('never goes below a sixteenth of the rate nor waits longer than 30 s', () => {
    const pressure = new BackPressure(16);
    const waits = Array.from({length: 20}, () => pressure.assess(answers(503, 5)));
    expect([pressure.ratePerSecond, Math.max(...waits)]).toEqual([1, 30_000]);
  });

  it('comes back to the rate that was asked for when all is calm', () => {
    const pressure = new BackPressure(16);
    pressure.assess(answers(503, 5));
    const rates = Array.from({length: 3}, () => {
      expect(pressure.assess(answers(200, 5))).toBe(0);
      return pressure.ratePerSecond;
    });
    expect(rates).toEqual([12, 16, 16]);
  });

  it('slows down when the origin takes more than three times as long', () => {
    const pressure = new BackPressure(16);
    expect(pressure.assess(answers(200, 100))).toBe(0);
    expect(pressure.assess(answers(200, 290))).toBe(0);
    expect(pressure.assess(answers(200, 310))).toBe(1_000);
  });

  it('takes neither noise nor the end of cache hits for pressure', () => {
    const pressure = new BackPressure(16);
    pressure.assess(answers(200, 2));
    expect(pressure.assess(answers(200, 40))).toBe(0);
    const cached = new BackPressure(16);
    cached.assess(answers(200, 2, {'x-cache': 'HIT'}));
    expect(cached.assess(answers(200, 200, {'x-cache': 'MISS'}))).toBe(0);
  });
});

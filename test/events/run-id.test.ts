import fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import {createRunId, isRunId, parseRunId} from '../../src/lib/events/run-id.js';

const year3000 = Date.UTC(3000, 0, 1);

describe('createRunId', () => {
  it('writes date, time and four characters', () => {
    expect(createRunId({now: () => Date.UTC(2026, 10, 21, 9, 30, 12), random: () => 0})).toBe('20261121-093012-0000');
    expect(createRunId({now: () => Date.UTC(2026, 10, 21, 9, 30, 12), random: () => 1 - Number.EPSILON})).toBe('20261121-093012-zzzz');
  });

  it('makes ids that parse, and that sort by time', () => {
    const moment = fc.integer({min: Date.UTC(2000, 0, 1), max: year3000});
    const random = fc.double({min: 0, max: 1, maxExcluded: true, noNaN: true});
    fc.assert(
      fc.property(moment, moment, random, random, (one, other, first, second) => {
        const a = createRunId({now: () => one, random: () => first});
        const b = createRunId({now: () => other, random: () => second});
        expect(parseRunId(a)).toBe(a);
        if (Math.floor(one / 1000) < Math.floor(other / 1000)) expect(a < b).toBe(true);
      }),
    );
  });
});

describe('parseRunId', () => {
  it.each([
    '',
    '..',
    '../20261121-093012-7f3a',
    '20261121-093012-7f3',
    '20261121-093012-7F3A',
    '20261321-093012-7f3a',
    '20260230-093012-7f3a',
    '20261121-253012-7f3a',
    '20261121-093012-7f3a\n',
  ])('refuses %j', (text) => {
    expect(isRunId(text)).toBe(false);
    expect(() => parseRunId(text)).toThrow(`run id ${JSON.stringify(text)} is not`);
  });
});

import fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import {parseSwitchTime} from '../../src/lib/cli/switch-time.js';
import {readTimeFlags} from '../../src/lib/cli/time-flags.js';

const now = Date.UTC(2026, 0, 1, 12);

describe('parseSwitchTime()', () => {
  it.each([
    ['2026-01-01T12:00:01Z', '2026-01-01T12:00:01.000Z'],
    ['2026-01-01T12:30Z', '2026-01-01T12:30:00.000Z'],
    ['2026-01-01T14:00:00+01:00', '2026-01-01T13:00:00.000Z'],
    ['2026-01-01T08:00:00-05:00', '2026-01-01T13:00:00.000Z'],
    ['+10m', '2026-01-01T12:10:00.000Z'],
    ['+1500ms', '2026-01-01T12:00:02.000Z'],
  ])('reads %s', (text, expected) => {
    expect(new Date(parseSwitchTime(text, now)).toISOString()).toBe(expected);
  });

  it.each([
    ['2026-01-01T12:00:01', /--at must be a time with its zone/],
    ['2026-01-02', /--at must be a time with its zone/],
    ['tomorrow', /--at must be a time with its zone/],
    ['2026-02-30T00:00:00Z', /--at must be a time with its zone/],
    ['2026-01-01T13:00:00.5Z', /--at 2026-01-01T13:00:00.5Z must be in whole seconds/],
    ['2026-01-01T12:00:00Z', /has passed, it is 2026-01-01T12:00:00Z/],
    ['2020-01-01T00:00:00Z', /has passed/],
    ['+10', /--at needs a unit/],
    ['-10m', /--at must be a time with its zone/],
    ['', /--at must be a time with its zone/],
  ])('refuses %j', (text, message) => {
    expect(() => parseSwitchTime(text, now)).toThrow(message);
  });

  it('gives whole seconds to come, or refuses, whatever it is given', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.date({noInvalidDate: true}).map((date) => date.toISOString()),
        ),
        (text) => {
          let time: number;
          try {
            time = parseSwitchTime(text, now);
          } catch (error) {
            expect(error).toMatchObject({code: 'usage'});
            return;
          }
          expect(time % 1000).toBe(0);
          expect(time).toBeGreaterThanOrEqual(now);
        },
      ),
    );
  });
});

describe('readTimeFlags()', () => {
  it('asks for nothing without --at, and wants it for its companions', () => {
    expect(readTimeFlags({}, now)).toBeUndefined();
    expect(() => readTimeFlags({'wave-gap': 0}, now)).toThrow('--wave-gap means nothing without --at');
    expect(() => readTimeFlags({'clock-bound': 100}, now)).toThrow('--clock-bound means nothing without --at');
  });

  it('allows clocks a quarter of a second, and takes gaps in whole seconds', () => {
    expect(readTimeFlags({at: '+10s'}, now)).toEqual({timeMs: now + 10_000, gapMs: undefined, clockBoundMs: 250});
    expect(() => readTimeFlags({at: '+10s', 'wave-gap': 1500}, now)).toThrow('--wave-gap must be whole seconds');
    expect(() => readTimeFlags({at: '+10s', 'clock-bound': 0}, now)).toThrow('would refuse every clock');
  });
});

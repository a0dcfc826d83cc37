import fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import {DroverError, formatProblem} from '../../src/lib/errors/drover-error.js';
import {describeRate, formatByteRate, parseByteRate} from '../../src/lib/inventory/byte-rate.js';
import {parseByteSize} from '../../src/lib/inventory/byte-size.js';
import {formatDuration, parseDuration} from '../../src/lib/inventory/duration.js';
import {expectFloor, formatQuota, parseQuota, resolveQuota} from '../../src/lib/inventory/quota.js';
import {parseRate} from '../../src/lib/inventory/rate.js';

function refusal(parse: () => unknown): string {
  try {
    return `accepted: ${String(parse())}`;
  } catch (error) {
    if (error instanceof DroverError) return formatProblem(error.problems[0]);
    throw error;
  }
}

describe('parseDuration()', () => {
  it.each([
    ['500ms', 500],
    ['30s', 30_000],
    ['2m', 120_000],
    ['1h', 3_600_000],
    ['0s', 0],
  ])('reads %s', (text, durationMs) => {
    expect(parseDuration(text)).toBe(durationMs);
  });

  it.each(['5', '5 parsecs', '', '-1s', '1.5s', '5S', 's', '1e3s', '5s '])('refuses %j for its unit', (text) => {
    expect(refusal(() => parseDuration(text, '--timeout'))).toBe(
      `error[usage]: --timeout needs a unit, for example 5s or 2m, got ${JSON.stringify(text)}`,
    );
  });

  it('refuses what a timer cannot hold', () => {
    expect(refusal(() => parseDuration('597h', 'soak'))).toBe('error[usage]: soak must be at most 596h, got "597h"');
  });

  it('reads back what formatDuration() writes', () => {
    fc.assert(fc.property(fc.nat({max: 596 * 3_600_000}), (durationMs) => parseDuration(formatDuration(durationMs)) === durationMs));
  });
});

describe('quotas', () => {
  it.each(['1', '0', '25%', '0%', '100%'])('%s reads back as it is written', (text) => {
    expect(formatQuota(parseQuota(text))).toBe(text);
  });

  it.each(['110%', '-1', '', '%', '1.5', '5 %', 'all'])('%j is refused', (text) => {
    expect(refusal(() => parseQuota(text, 'floor'))).toBe(
      `error[usage]: floor must be a count of hosts or 0%..100%, got ${JSON.stringify(text)}`,
    );
  });

  it('a floor of 75% of 10 is 8 hosts, a wave of 25% of 10 is 2', () => {
    expect([resolveQuota(parseQuota('75%'), 10, 'up'), resolveQuota(parseQuota('25%'), 10, 'down')]).toEqual([8, 2]);
  });

  it('a share never exceeds the silo, and is exact when it comes out even', () => {
    fc.assert(
      fc.property(fc.integer({min: 0, max: 100}), fc.nat(10_000), (percent, total) => {
        const [up, down] = [resolveQuota({kind: 'percent', percent}, total, 'up'), resolveQuota({kind: 'percent', percent}, total, 'down')];
        expect(up).toBeLessThanOrEqual(total);
        expect(up - down).toBe((total * percent) % 100 === 0 ? 0 : 1);
      }),
    );
  });

  it('expectFloor() refuses a floor that the silo cannot hold (XN6)', () => {
    expect(refusal(() => expectFloor({floor: {kind: 'count', count: 3}, silo: 'eu', total: 2}))).toBe(
      'error[invalid-file]: floor 3 exceeds the 2 hosts of silo "eu"; lower it or add hosts',
    );
    expect(expectFloor({floor: {kind: 'percent', percent: 100}, silo: 'eu', total: 2})).toBe(2);
  });
});

describe('parseRate()', () => {
  it.each([
    ['20/s', 20],
    ['600/m', 10],
    ['3600/h', 1],
  ])('reads %s', (text, perSecond) => {
    expect(parseRate(text)).toBe(perSecond);
  });

  it.each(['20', '0/s', '20/d', '/s', '10001/s', '-5/s'])('refuses %j', (text) => {
    expect(refusal(() => parseRate(text))).toBe(
      `error[usage]: rate must be a rate up to 10000/s, for example 20/s or 600/m, got ${JSON.stringify(text)}`,
    );
  });
});

describe('parseByteSize()', () => {
  it.each([
    ['512', 512],
    ['20M', 20 * 1024 ** 2],
    ['1GiB', 1024 ** 3],
    ['1gb', 1000 ** 3],
    ['10k', 10_240],
    ['7B', 7],
  ])('reads %s', (text, bytes) => {
    expect(parseByteSize(text)).toBe(bytes);
  });

  it.each(['', 'lots', '1.5G', '-1', '5iB', '99999999999T', '1 G'])('refuses %j', (text) => {
    expect(refusal(() => parseByteSize(text, 'disk'))).toBe(
      `error[usage]: disk must be a size, for example 20M or 1GiB, got ${JSON.stringify(text)}`,
    );
  });
});

describe('byte rates', () => {
  it.each([
    ['20M', 20 * 1024 ** 2],
    ['20M/s', 20 * 1024 ** 2],
    ['1GB/s', 1_000_000_000],
    ['1024', 1024],
    ['1k', 1024],
  ])('%s is read as bytes a second', (text, perSecond) => {
    expect(parseByteRate(text)).toBe(perSecond);
  });

  it.each(['20', '0', '', '20M/m', '20Mbit', '-1M', '1.5M', '20M/s/s', '1023/s'])('%j is refused', (text) => {
    expect(refusal(() => parseByteRate(text, 'rate.host'))).toBe(
      `error[usage]: rate.host must be bytes per second, at least 1K, for example 20M or 1GB/s, got ${JSON.stringify(text)}`,
    );
  });

  it('read back as they are written', () => {
    fc.assert(fc.property(fc.integer({min: 1024, max: 2 ** 45}), (perSecond) => parseByteRate(formatByteRate(perSecond)) === perSecond));
    expect(['20M', '20MB', '1500', '1G'].map((text) => formatByteRate(parseByteRate(text)))).toEqual(['20M/s', '20MB/s', '1500/s', '1G/s']);
  });

  it('are described for people', () => {
    expect(describeRate({host: 20 * 1024 ** 2, run: 200 * 1024 ** 2})).toBe('20M/s a host, 200M/s in all');
    expect(describeRate({silo: 1_000_000})).toBe('1MB/s a silo');
    expect(describeRate({host: undefined})).toBeUndefined();
  });
});

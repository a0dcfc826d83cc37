import fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import type {Quota} from '../../src/lib/inventory/app.js';
import {planWaves, resolveFloor} from '../../src/lib/rollout/waves.js';

const count = (value: number): Quota => ({kind: 'count', count: value});
const percent = (value: number): Quota => ({kind: 'percent', percent: value});
const hosts = (silo: string, number: number): {name: string; silo: string}[] =>
  Array.from({length: number}, (_, index) => ({name: `${silo}-${index + 1}`, silo}));
const sizes = (waves: readonly {readonly hosts: readonly string[]}[]): number[] => waves.map((wave) => wave.hosts.length);

describe('planWaves()', () => {
  it('cuts 12 hosts by 1, 25 %, 100 % into 1, 2 and 9', () => {
    const waves = planWaves(hosts('eu', 12), [count(1), percent(25), percent(100)]);
    expect(sizes(waves)).toEqual([1, 2, 9]);
    expect(waves.map((wave) => wave.name)).toEqual(['eu canary', 'eu 25%', 'eu 100%']);
  });

  it('finishes one silo before it begins the next, each with its own canary', () => {
    const mixed = [...hosts('eu', 2), ...hosts('us', 3), {name: 'eu-9', silo: 'eu'}];
    const waves = planWaves(mixed, [count(1), percent(100)]);
    expect(waves.map((wave) => [wave.name, ...wave.hosts])).toEqual([
      ['eu canary', 'eu-1'],
      ['eu 100%', 'eu-2', 'eu-9'],
      ['us canary', 'us-1'],
      ['us 100%', 'us-2', 'us-3'],
    ]);
  });

  it('rounds shares up and makes no wave of a quota that adds no host', () => {
    expect(sizes(planWaves(hosts('eu', 3), [count(1), percent(25), percent(50), percent(100)]))).toEqual([1, 1, 1]);
    expect(sizes(planWaves(hosts('eu', 1), [count(1), percent(100)]))).toEqual([1]);
  });

  it('takes all that is left in the last wave, whatever its quota says', () => {
    expect(sizes(planWaves(hosts('eu', 5), [count(1), count(2)]))).toEqual([1, 4]);
  });

  it('plans every host once, in the order given within its silo, in waves that are never empty', () => {
    const quotas = fc.array(fc.oneof(fc.integer({min: 1, max: 40}).map(count), fc.integer({min: 1, max: 100}).map(percent)), {
      minLength: 1,
      maxLength: 5,
    });
    fc.assert(
      fc.property(fc.array(fc.constantFrom('eu', 'us', 'asia'), {maxLength: 40}), quotas, (silos, chosen) => {
        const all = silos.map((silo, index) => ({name: `h${index}`, silo}));
        const waves = planWaves(all, chosen);
        for (const silo of new Set(silos)) {
          const planned = waves.filter((wave) => wave.silo === silo).flatMap((wave) => wave.hosts);
          expect(planned).toEqual(all.filter((host) => host.silo === silo).map((host) => host.name));
        }
        expect(waves.every((wave) => wave.hosts.length > 0)).toBe(true);
        expect(waves.flatMap((wave) => wave.hosts)).toHaveLength(all.length);
      }),
    );
  });
});

describe('resolveFloor()', () => {
  it.each([
    [percent(75), 12, 9],
    [percent(75), 2, 1],
    [percent(75), 1, 0],
    [percent(100), 4, 3],
    [percent(0), 4, 0],
    [count(3), 4, 3],
    [count(4), 4, 4],
  ] as const)('of %j in a silo of %i is %i', (quota, total, floor) => {
    expect(resolveFloor(quota, total)).toBe(floor);
  });

  it('as a share always leaves one host that may be taken out', () => {
    fc.assert(
      fc.property(fc.integer({min: 0, max: 100}), fc.integer({min: 1, max: 500}), (share, total) => {
        const floor = resolveFloor(percent(share), total);
        expect(floor).toBeGreaterThanOrEqual(0);
        expect(floor).toBeLessThan(total);
      }),
    );
  });
});

import {describe, expect, it} from 'vitest';
import type {App} from '../../src/lib/inventory/app.js';
import type {AppName} from '../../src/lib/inventory/host.js';
import {makeDefaultRoll} from '../../src/lib/inventory/roll-schema.js';
import {timePlan} from '../../src/lib/operations/plan-timed.js';
import type {RolloutPlan} from '../../src/lib/rollout/plan.js';
import {planFor, planHost} from '../rollout/scenario.js';

const app: App = {
  ...{
    name: 'shop' as AppName,
    source: {parts: [], onConflict: 'error'},
    ignore: [],
    root: '/srv/shop',
    hosts: 'role:web',
    link: {},
    health: [],
  },
  roll: makeDefaultRoll(),
};
const hosts = ['eu', 'us'].flatMap((silo) => [1, 2, 3, 4].map((index) => planHost(`${silo}-${index}`)));
const sizes = new Map([
  ['eu', 4],
  ['us', 4],
]);
const plan = (more: Partial<RolloutPlan> = {}): RolloutPlan =>
  planFor(hosts, {floors: {eu: 3, us: 3}, steps: ['switch', 'health', 'confirm'], ...more});
const request = {timeMs: Date.UTC(2027, 0, 1), gapMs: 60_000, clockBoundMs: 250};

describe('a plan with a time', () => {
  it('gives the waves of all silos one time each, the gap apart', () => {
    const timed = timePlan(plan(), app, request, sizes);
    expect(timed.at).toEqual({time: '2027-01-01T00:00:00Z', clockBoundMs: 250});
    expect(timed.waves.map(({name, offsetMs}) => [name, offsetMs])).toEqual([
      ['eu canary', 0],
      ['us canary', 0],
      ['eu 50%', 60_000],
      ['us 50%', 60_000],
      ['eu 100%', 120_000],
      ['us 100%', 120_000],
    ]);
    expect(timed.steps).toEqual(['arm', 'switch', 'health', 'confirm']);
  });

  it('without a gap is one wave a silo, all at its time', () => {
    const timed = timePlan(plan(), app, {...request, gapMs: 0}, sizes);
    expect(timed.waves).toEqual([
      {name: 'eu 100%', silo: 'eu', hosts: ['eu-1', 'eu-2', 'eu-3', 'eu-4'], offsetMs: 0},
      {name: 'us 100%', silo: 'us', hosts: ['us-1', 'us-2', 'us-3', 'us-4'], offsetMs: 0},
    ]);
  });

  it('leaves a wave as long as its gate may take when nobody names a gap', () => {
    const probe = {kind: 'tcp', port: 80, timeoutMs: 1000, intervalMs: 1000, rise: 1, deadlineMs: 30_000} as const;
    const timed = timePlan(plan({soakMs: 60_000}), {...app, health: [probe]}, {...request, gapMs: undefined}, sizes);
    expect(timed.waves[2]?.offsetMs).toBeGreaterThan(30_000 + 60_000);
    expect((timed.waves[2]?.offsetMs ?? 0) % 1000).toBe(0);
  });

  it('counts no floor where a switch takes nobody out of rotation', () => {
    expect(timePlan(plan(), app, {...request, gapMs: 0}, sizes).floors).toEqual({eu: 0, us: 0});
  });

  it.each(['drain', 'restart'] as const)(
    'is refused with %s when a wave is wider than the floor allows, and says how to mend it',
    (step) => {
      const taking = plan({steps: [step, 'switch', 'confirm']});
      expect(() => timePlan(taking, app, request, sizes)).toThrow(
        expect.objectContaining({
          code: 'refused',
          message: expect.stringMatching(
            /^wave eu 100% has 2 hosts that (leave rotation|restart) at one time, and the floor of silo "eu" \(3\) lets 1 go$/,
          ),
          problems: [expect.objectContaining({fix: expect.stringContaining('at most 1 hosts')})],
        }),
      );
      expect(timePlan({...taking, floors: {eu: 2, us: 2}}, app, request, sizes).floors).toEqual({eu: 2, us: 2});
    },
  );

  it("is refused without a dead-man's switch: who switches alone must go back alone", () => {
    expect(() => timePlan(plan({confirmMs: 0}), app, request, sizes)).toThrow('must be able to go back by themselves');
  });
});

import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import type {Happening} from '../../src/lib/events/event.js';
import {copiesOf} from '../host/copies-of.js';
import {canaryFirst, makeApp, SiteFleet} from './site-fleet.js';

/** One host after the other. */
const app = makeApp({roll: canaryFirst});

describe('a rollback after a controller that died', {timeout: 300_000}, () => {
  let fleet: SiteFleet;
  let [one, two]: string[] = [];
  const copy = copiesOf(async () => {
    const made = await SiteFleet.make(2);
    [one, two] = [await made.release('1'), await made.release('2')];
    expect((await made.deploy({run: 'run-1'}, one ?? '', {app})).exit).toBe(0);
    expect((await made.deploy({run: 'run-2'}, two ?? '', {app})).exit).toBe(0);
    return made;
  });
  beforeEach(async () => {
    fleet = await copy();
  });
  afterEach(() => fleet.remove());

  /** Resolves where a run begins or ends that step for the so-manieth time; it never gets any further. */
  const freezeAt = (
    kind: string,
    step: string,
    count: number,
  ): {hear: (happening: Happening) => Promise<void> | undefined; frozen: Promise<void>} => {
    let left = count;
    let tell: () => void = () => undefined;
    const frozen = new Promise<void>((resolve) => {
      tell = resolve;
    });
    const hear = (happening: Happening): Promise<void> | undefined => {
      if (happening.kind === kind && 'step' in happening && happening.step === step) left -= 1;
      if (left > 0) return undefined;
      tell();
      return new Promise(() => undefined);
    };
    return {hear, frozen};
  };
  const rollback = (run: string, takeover?: string) =>
    fleet.rollback({run, reason: 'it died'}, {app, ...(takeover === undefined ? {} : {takeover})});

  it.each([
    ['step-started', 'switch', 2],
    ['step-ended', 'lease', 2],
  ])(
    'A2: leads every host to what it served before the deploy that died at %s %s %i, reached or not, and twice is once',
    async (...when) => {
      const three = await fleet.release('3');
      const {hear, frozen} = freezeAt(...when);
      void fleet.deploy({run: 'run-3', hear}, three, {app});
      await frozen;
      expect((await rollback('run-4', 'run-3')).exit).toBe(0);
      expect(await fleet.live()).toEqual([two, two]);
      expect((await rollback('run-5')).exit).toBe(0);
      expect(await fleet.live()).toEqual([two, two]);
    },
  );

  it('A2: leads hosts that share content out to the snapshot that they served before the deploy that died', async () => {
    const shared = {...app, partitions: {kind: 'path' as const, rules: [{paths: ['**'], hosts: 'all'}]}};
    for (const [run, id] of [
      ['run-3', one],
      ['run-4', two],
    ] as const)
      expect((await fleet.deploy({run}, id ?? '', {app: shared})).exit).toBe(0);
    const served = await fleet.live();
    const {hear, frozen} = freezeAt('step-ended', 'lease', 2);
    void fleet.deploy({run: 'run-5', hear}, await fleet.release('3'), {app: shared});
    await frozen;
    const back = (run: string) => fleet.rollback({run, reason: 'it died'}, {app: shared, takeover: 'run-5'});
    expect((await back('run-6')).exit).toBe(0);
    expect(await fleet.live()).toEqual(served);
  });

  it('I3: is resumed after a host has undone it by itself, leaves nothing to resume, and settles what it went through once more', async () => {
    const {hear, frozen} = freezeAt('step-ended', 'switch', 1);
    const hasty = {...app, roll: {...app.roll, confirmMs: 1000}};
    void fleet.rollback({run: 'run-3', hear}, {app: hasty});
    await frozen;
    while ((await fleet.state('web1')).decisions.get('run-3') !== 'reverted') await new Promise(setImmediate);
    const resume = (run: string) => fleet.resume({run}, {app});
    expect(await fleet.live()).toEqual([two, two]);
    expect((await resume('run-4')).exit).toBe(0);
    expect(await fleet.live()).toEqual([one, one]);
    for (const name of ['web1', 'web2']) expect((await fleet.state(name)).openRuns).toEqual([]);
    await expect(resume('run-5')).rejects.toMatchObject({code: 'refused', message: expect.stringContaining('nothing to resume') as string});
  });

  it('A2: goes on to where the rollback was to lead that died right after a switch, and twice is once', async () => {
    const {hear, frozen} = freezeAt('step-ended', 'switch', 1);
    void fleet.rollback({run: 'run-3', hear}, {app});
    await frozen;
    expect((await rollback('run-4', 'run-3')).exit).toBe(0);
    expect(await fleet.live()).toEqual([one, one]);
    for (const name of ['web1', 'web2']) expect((await fleet.state(name)).openRuns).toEqual([]);
    expect((await rollback('run-5')).exit).toBe(0);
    expect(await fleet.live()).toEqual([one, one]);
  });
});

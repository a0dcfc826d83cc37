import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import type {Happening} from '../../src/lib/events/event.js';
import {copiesOf} from '../host/copies-of.js';
import {canaryFirst, makeApp, SiteFleet} from './site-fleet.js';

/** One host after the other. */
const app = makeApp({roll: canaryFirst});

describe('a rollback after a controller that died', {timeout: 120_000}, () => {
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

  it('A2: goes on to where the rollback was to lead that died right after a switch, and twice is once', async () => {
    const {hear, frozen} = freezeAt('step-ended', 'switch', 1);
    void fleet.rollback({run: 'run-3', hear}, {app});
    await frozen;
    expect((await rollback('run-4', 'run-3')).exit).toBe(0);
    expect(await fleet.live()).toEqual([one, one]);
    expect((await rollback('run-5')).exit).toBe(0);
    expect(await fleet.live()).toEqual([one, one]);
  });
});

import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import type {Happening} from '../../src/lib/events/event.js';
import type {App} from '../../src/lib/inventory/app.js';
import {copiesOf} from '../host/copies-of.js';
import {canaryFirst, makeApp, SiteFleet} from './site-fleet.js';

/** Healthy is what is not called bad; one host a wave. */
const watched: App = makeApp({
  roll: canaryFirst,
  health: [{kind: 'run', command: '! grep -q bad name', timeoutMs: 5000, intervalMs: 100, rise: 1, deadlineMs: 300}],
});

describe('a release that was taken back', {timeout: 300_000}, () => {
  let fleet: SiteFleet;
  let good: string;
  let bad: string;
  const copy = copiesOf(async () => {
    const made = await SiteFleet.make(3);
    good = await made.release('good');
    expect((await made.deploy({run: 'run-1'}, good)).exit).toBe(0);
    bad = await made.release('bad');
    return made;
  });
  beforeEach(async () => {
    fleet = await copy();
  });
  afterEach(() => fleet.remove());

  it('is pinned out on every host of the run, also those it had not reached, and refused from anywhere with who, when and why', async () => {
    expect((await fleet.deploy({run: 'run-2', operator: 'ci@runner'}, bad, {app: watched})).exit).toBe(7);
    expect(new Set(await fleet.live())).toEqual(new Set([good]));
    for (const {name} of fleet.hosts) {
      expect((await fleet.state(name)).pins).toMatchObject([
        {release: bad, run: 'run-2', owner: 'ci@runner', why: expect.stringContaining('web1')},
      ]);
    }
    const again = fleet.deploy({run: 'run-3', operator: 'ci@runner'}, bad, {app: watched, hosts: fleet.hosts.slice(2)});
    await expect(again).rejects.toMatchObject({
      code: 'refused',
      message: expect.stringMatching(
        /^snapshot \w{12} of app "shop" was taken back from web3 at \d{4}-\d\d-\d\d \d\d:\d\d by ci@runner \(run run-2\): web1/,
      ),
      problems: [{fix: expect.stringContaining('--allow-pinned')}],
    });
  });

  it('goes out again for a reason, which lifts the pin once it is confirmed', async () => {
    await fleet.deploy({run: 'run-2'}, bad, {app: watched});
    const said: Happening[] = [];
    const hear = (happening: Happening): void => void said.push(happening);
    const end = await fleet.deploy({run: 'run-3', reason: 'the check was wrong', hear}, bad, {unsafe: ['allow-pinned']});
    expect(end.exit).toBe(0);
    expect(said).toContainEqual(expect.objectContaining({kind: 'warning', unsafe: 'allow-pinned'}));
    for (const {name} of fleet.hosts) expect((await fleet.state(name)).pins).toEqual([]);
    expect(new Set(await fleet.live())).toEqual(new Set([bad]));
  });

  it('is pinned out by a rollback by hand, but not by the way forward again', async () => {
    await fleet.deploy({run: 'run-2'}, bad);
    expect((await fleet.rollback({run: 'run-3', reason: 'errors since 10:31'})).exit).toBe(0);
    expect((await fleet.state('web2')).pins).toMatchObject([{release: bad, run: 'run-3', why: 'errors since 10:31'}]);
    await expect(fleet.deploy({run: 'run-4'}, bad)).rejects.toMatchObject({code: 'refused'});
    await expect(fleet.rollback({run: 'run-5'}, {to: bad})).rejects.toMatchObject({code: 'refused'});
    expect((await fleet.rollback({run: 'run-6', reason: 'it was the database'}, {to: bad, unsafe: ['allow-pinned']})).exit).toBe(0);
    for (const {name} of fleet.hosts) expect((await fleet.state(name)).pins).toEqual([]);
    expect(new Set(await fleet.live())).toEqual(new Set([bad]));
  });

  it('goes no further in a run that is resumed, until somebody says why it may', async () => {
    const one = makeApp({
      roll: {
        ...watched.roll,
        waves: [
          {kind: 'count', count: 1},
          {kind: 'percent', percent: 100},
        ],
      },
    });
    const stop = new AbortController();
    const hear = (happening: Happening): void => {
      if (happening.kind === 'step-started' && happening.step === 'switch') stop.abort();
    };
    expect((await fleet.deploy({run: 'run-2', hear, interrupted: stop.signal}, bad, {app: one})).exit).toBe(130);
    expect((await fleet.rollback({run: 'run-3', operator: 'bob@train', reason: 'errors'}, {hosts: fleet.hosts.slice(0, 1)})).exit).toBe(0);
    await expect(fleet.resume({run: 'run-4'}, {app: one})).rejects.toMatchObject({
      code: 'refused',
      message: expect.stringMatching(/was taken back from web1 at .* by bob@train \(run run-3\): errors$/),
      problems: [{fix: 'go back: drover rollback shop; or drover resume run-2 --allow-pinned "REASON"'}],
    });
    expect(await fleet.live()).toEqual([good, good, good]);
    for (const {name} of fleet.hosts) expect((await fleet.state(name)).lease).toBeUndefined();
    const reason = 'it was the database';
    expect((await fleet.resume({run: 'run-5', reason}, {app: one, allowPinned: reason})).exit).toBe(0);
    expect(await fleet.live()).toEqual([bad, bad, bad]);
    expect((await fleet.state('web1')).journal).toContainEqual(
      expect.objectContaining({run: 'run-2', event: 'unsafe', detail: `allow-pinned: ${reason}`}),
    );
  });

  it('goes no further in a run of a reviewed plan, whatever whoever resumes it says', async () => {
    const stop = new AbortController();
    const hear = (happening: Happening): void => {
      if (happening.kind === 'step-started' && happening.step === 'switch') stop.abort();
    };
    const canary = makeApp({roll: watched.roll});
    const file = await fleet.plan({run: 'run-2'}, bad, {app: canary});
    expect((await fleet.apply({run: 'run-3', hear, interrupted: stop.signal}, file, {app: canary})).exit).toBe(130);
    await fleet.rollback({run: 'run-4'}, {hosts: fleet.hosts.slice(0, 1)});
    await expect(fleet.resume({run: 'run-5'}, {app: canary, allowPinned: 'I say so'})).rejects.toMatchObject({
      code: 'refused',
      message: 'run run-3 carries out a reviewed plan, and --allow-pinned is no part of it',
    });
  });

  it('is not pinned out when hosts, and not it, were to blame', async () => {
    const app = makeApp({roll: {...watched.roll, budget: 0}});
    const stop = new Set(['web2']);
    const hear = async (happening: Happening): Promise<void> => {
      if (happening.kind === 'step-started' && happening.step === 'switch' && stop.delete(happening.host))
        await fleet
          .app('web2')
          .endLease({run: 'run-2', epoch: (await fleet.state('web2')).epoch, owner: 'bob', reason: 'mine', takeover: true});
    };
    expect((await fleet.deploy({run: 'run-2', hear}, bad, {app})).exit).toBe(8);
    for (const {name} of fleet.hosts) expect((await fleet.state(name)).pins).toEqual([]);
  });
});

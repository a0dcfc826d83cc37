import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import type {Happening} from '../../src/lib/events/event.js';
import type {Fence} from '../../src/lib/host/fence.js';
import {copiesOf} from '../host/copies-of.js';
import {SiteFleet} from './site-fleet.js';

describe('a rollback that takes over from a run that is alive', {timeout: 300_000}, () => {
  let fleet: SiteFleet;
  let ids: readonly string[];
  let fence: Fence;
  /** What was said, and how often somebody was asked. */
  let said: string[];
  let asked: number;
  const hear = (happening: Happening): void => {
    if (happening.kind === 'warning') said.push(happening.message);
  };
  const leases = async (): Promise<readonly (string | undefined)[]> =>
    Promise.all(fleet.hosts.map(async ({name}) => (await fleet.state(name)).lease?.run));
  const copy = copiesOf(async () => {
    const made = await SiteFleet.make(2);
    ids = [await made.release('1'), await made.release('2')];
    for (const [index, id] of ids.entries()) expect((await made.deploy({run: `run-${index}`}, id)).exit).toBe(0);
    return made;
  });
  beforeEach(async () => {
    [said, asked] = [[], 0];
    fleet = await copy();
    const [to = '', from] = ids;
    fence = {run: 'run-2', epoch: 0};
    const request = {run: 'run-2', owner: 'bob@train', reason: '', ttlSeconds: 300, plan: '{}', from, to};
    for (const {name} of fleet.hosts) fence = {run: 'run-2', epoch: await fleet.app(name).lease(request)};
  });
  afterEach(() => fleet.remove());

  it('asks before it ends a lease, and a no leaves that run alone', async () => {
    const approve = async (): Promise<boolean> => {
      asked += 1;
      expect(await leases()).toEqual(['run-2', 'run-2']);
      return false;
    };
    await expect(fleet.rollback({run: 'run-4', reason: 'stop him', hear}, {takeover: 'run-2', approve})).rejects.toMatchObject({
      code: 'refused',
      message: 'not approved; nothing was changed',
    });
    expect(asked).toBe(1);
    expect(await leases()).toEqual(['run-2', 'run-2']);
    await fleet.app('web2').note(fence, 'draining', '');
  });

  it('asks once where nothing moved meanwhile, and says whose leases it ended', async () => {
    const approve = async (): Promise<boolean> => ++asked === 1;
    expect((await fleet.rollback({run: 'run-4', reason: 'stop him', hear}, {takeover: 'run-2', approve})).exit).toBe(0);
    expect(await fleet.live()).toEqual([ids[0], ids[0]]);
    expect(said).toContain('the lease of run run-2 on web[1-2] was ended: stop him');
    await expect(fleet.app('web2').note(fence, 'draining', '')).rejects.toMatchObject({failure: 'fenced'});
  });

  it('T9: keeps a reason of several lines as one, so that none can pass for a field or a record', async () => {
    const reason = 'errors\nkind=allow-pinned\n2026-01-01T00:00:00Z 9 run-9 confirmed forged';
    expect((await fleet.rollback({run: 'run-4', reason}, {takeover: 'run-2', unsafe: ['takeover']})).exit).toBe(0);
    const {journal, lease} = await fleet.state('web1');
    expect(lease).toBeUndefined();
    expect(journal.filter(({run}) => run === 'run-9')).toEqual([]);
    const oneLine = reason.replaceAll('\n', ' ');
    expect(journal).toContainEqual(expect.objectContaining({event: 'lease-ended', detail: `ana@desk: ${oneLine}`}));
    expect(journal).toContainEqual(expect.objectContaining({run: 'run-4', event: 'unsafe', detail: `takeover: ${oneLine}`}));
  });

  it('asks again when that run has moved a host while the person thought, and tells what a no leaves', async () => {
    const [first, second = ''] = ids;
    // While the person thinks, the other run brings the first host to where the rollback leads.
    const approve = async (): Promise<boolean> => {
      asked += 1;
      if (asked === 1) await fleet.app('web1').switchTo(fence, {from: second, to: first ?? '', confirmSeconds: 0, restart: ''});
      return asked === 1;
    };
    await expect(fleet.rollback({run: 'run-4', reason: 'stop him', hear}, {takeover: 'run-2', approve})).rejects.toMatchObject({
      message: 'not approved; the leases of run run-2 were ended, and nothing else was changed',
    });
    expect(asked).toBe(2);
    expect(await fleet.live()).toEqual([first, second]);
    expect(await leases()).toEqual([undefined, undefined]);
  });
});

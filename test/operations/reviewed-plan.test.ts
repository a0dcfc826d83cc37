import {rm} from 'node:fs/promises';
import path from 'node:path';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import type {Happening} from '../../src/lib/events/event.js';
import type {App, Drain} from '../../src/lib/inventory/app.js';
import type {Inventory} from '../../src/lib/inventory/host.js';
import {describeInventory} from '../../src/lib/operations/make-plan-file.js';
import {type PlanFile, parsePlanFile, renderPlanFile, sealPlanFile} from '../../src/lib/operations/plan-file.js';
import {copiesOf} from '../host/copies-of.js';
import {makeHost} from '../host/some-host.js';
import {endOf, together} from './meeting.js';
import {canaryFirst, makeApp, SiteFleet} from './site-fleet.js';

const canary = makeApp({roll: canaryFirst});

describe('the plan file of a rollback', {timeout: 300_000}, () => {
  let fleet: SiteFleet;
  let ids: readonly string[];
  const patient = makeApp({roll: {...makeApp().roll, budget: 1}});
  const copy = copiesOf(async () => {
    const made = await SiteFleet.make(3);
    ids = [await made.release('1'), await made.release('2'), await made.release('3')];
    for (const [index, id] of ids.entries()) expect((await made.deploy({run: `run-${index}`}, id)).exit).toBe(0);
    return made;
  });
  beforeEach(async () => {
    fleet = await copy();
  });
  afterEach(() => fleet.remove());

  it('D7: goes round a silent host as a rollback without one does, within the budget', async () => {
    const file = await fleet.planBack({run: 'run-3'}, {app: patient});
    fleet.silent.add('web2');
    const end = await fleet.applyBack({run: 'run-4'}, file, {app: patient});
    expect(end).toEqual({outcome: 'needs-attention', exit: 8, next: 'drover rollback shop --hosts web2 --plan-out plan.json'});
    expect(await fleet.live()).toEqual([ids[1], ids[2], ids[1]]);
  });

  it('goes round a silent host as well where content is shared out', async () => {
    const shared = {...patient, partitions: {kind: 'path' as const, rules: [{paths: ['**'], hosts: 'all'}]}};
    for (const id of ids.slice(1)) await fleet.deploy({run: `run-3-${id.slice(0, 4)}`}, id, {app: shared});
    const file = await fleet.planBack({run: 'run-4'}, {app: shared});
    const [now] = await fleet.live();
    fleet.silent.add('web2');
    expect((await fleet.applyBack({run: 'run-5'}, file, {app: shared})).exit).toBe(8);
    const [one, two, three] = await fleet.live();
    expect([one === three, two === now, one === now]).toEqual([true, true, false]);
  });

  it('is held to the embargo of a release that was named, as far as the store knows of one by then', async () => {
    const [first = '', second = ''] = ids;
    const named = await fleet.planBack({run: 'run-3'}, {to: first});
    const own = await fleet.planBack({run: 'run-4'});
    const embargoUntil = new Date(Date.now() + 3_600_000).toISOString();
    for (const text of ['1', '2']) await fleet.release(text, {embargoUntil});
    expect((await endOf(fleet.applyBack({run: 'run-5'}, named))).words).toMatch(/^snapshot \w{12} of app "shop" is under embargo until/);
    expect((await endOf(fleet.applyBack({run: 'run-6'}, named, {ignoreEmbargo: true, approve: async () => false}))).words).toBe(
      'not approved; nothing was changed',
    );
    // To what was good before no embargo holds anybody back.
    expect((await fleet.applyBack({run: 'run-7'}, own)).exit).toBe(0);
    expect(await fleet.live()).toEqual([second, second, second]);
    // Nor to where a rollback that died was to lead.
    await new Promise<void>((resolve) => {
      const hear = (happening: Happening): Promise<void> | undefined => {
        if (happening.kind !== 'step-ended' || happening.step !== 'switch') return undefined;
        resolve();
        return new Promise(() => undefined);
      };
      void fleet.rollback({run: 'run-8', reason: 'now', hear}, {app: canary, to: first, ignoreEmbargo: true});
    });
    for (const {name} of fleet.hosts) {
      const {epoch} = await fleet.state(name);
      await fleet.app(name).endLease({run: 'run-8', epoch, owner: 'ben', reason: 'it died', takeover: true});
    }
    expect((await fleet.applyBack({run: 'run-9'}, await fleet.planBack({run: 'run-9'}))).exit).toBe(0);
    expect(await fleet.live()).toEqual([first, first, first]);
  });
});

describe('the fleet that a plan file is for', () => {
  const inventory = (balancer: string): Inventory =>
    ({
      file: 'inventory.yml',
      hosts: [
        {...makeHost({link: 'local'}, 'web1'), silo: 'eu'},
        {...makeHost({link: 'local', address: balancer}, 'lb1'), silo: 'edge'},
      ],
    }) as unknown as Inventory;

  it('is another one when a balancer is reached elsewhere', () => {
    const app = makeApp({drain: {kind: 'exec', drain: 'true', admit: 'true', on: 'silo:edge', waitMs: 0, ...{then: 'close'}} as Drain});
    const digestOf = (address: string, which: App): string => describeInventory(inventory(address), which).digest;
    expect(digestOf('10.0.0.1', app)).not.toBe(digestOf('10.0.0.2', app));
    expect(digestOf('10.0.0.1', makeApp())).toBe(digestOf('10.0.0.2', makeApp()));
  });
});

describe('a plan file on its hosts', {timeout: 300_000}, () => {
  let fleet: SiteFleet;
  let first: string;
  let next: string;
  const copy = copiesOf(async () => {
    const made = await SiteFleet.make(3);
    first = await made.release('1');
    expect((await made.deploy({run: 'run-1'}, first)).exit).toBe(0);
    next = await made.release('2');
    return made;
  });
  beforeEach(async () => {
    fleet = await copy();
  });
  afterEach(() => fleet.remove());

  it('I10: changes nothing on hosts when it is made', async () => {
    const before = await Promise.all(fleet.hosts.map(({name}) => fleet.state(name)));
    const file = await fleet.plan({run: 'run-2'}, next);
    expect(file.rollout.hosts).toMatchObject([{from: first, to: next}, {from: first}, {from: first}]);
    expect(await Promise.all(fleet.hosts.map(({name}) => fleet.state(name)))).toMatchObject(
      before.map(({epoch, journal, releases}) => ({epoch, journal, releases})),
    );
    expect(parsePlanFile(JSON.parse(renderPlanFile(file)), 'plan.json')).toEqual(file);
  });

  it('F9: applied twice in the same moment goes out once', async () => {
    const file = await fleet.plan({run: 'run-2'}, next);
    const meet = together(2);
    const ends = await Promise.all(['run-3-a', 'run-3-b'].map((run) => endOf(fleet.apply({run, hear: meet()}, file))));
    const exits = ends.map(({exit}) => exit).sort();
    expect(exits[0]).toBe(0);
    expect([4, 5]).toContain(exits[1]);
    expect(await fleet.live()).toEqual([next, next, next]);
    const switches = (await Promise.all(fleet.hosts.map(({name}) => fleet.state(name)))).map(
      ({journal}) => journal.filter((line) => line.event === 'switched' && line.detail.endsWith(next)).length,
    );
    expect(switches).toEqual([1, 1, 1]);
  });

  it('is looked at again under the lease: a host that moved after the first look refuses all of it', async () => {
    const app = makeApp({roll: {...makeApp().roll, budget: 2}});
    const file = await fleet.plan({run: 'run-2'}, next, {app});
    let moved: Promise<unknown> | undefined;
    const said: string[] = [];
    const hear = async (happening: Happening): Promise<void> => {
      if (happening.kind === 'warning') said.push(happening.message);
      if (happening.kind !== 'step-started' || happening.step !== 'lease') return;
      const away = {run: 'run-0', owner: 'bob', reason: '', ttlSeconds: 0, plan: '', from: first, to: first};
      // No host is leased before the other run has been there.
      moved ??= fleet.app('web2').lease(away);
      await moved;
    };
    expect((await endOf(fleet.apply({run: 'run-3', hear}, file, {app}))).exit).toBe(4);
    expect(await fleet.live()).toEqual([first, first, first]);
    expect(said.join()).toContain('web2: leased since the plan was made: epoch 2, not 1');
    // Nothing was changed, so that the others would still take it up; the one that was leased would not.
    expect((await endOf(fleet.apply({run: 'run-4'}, file, {app}))).words).toMatch(/is stale on 1 of 3 hosts: web2 was leased since/);
  });

  it('may be applied after a run that was refused and changed nothing', async () => {
    const file = await fleet.plan({run: 'run-2'}, next);
    const away = {run: 'run-9', owner: 'bob', reason: '', plan: '', from: first, to: first};
    let leased: Promise<number> | undefined;
    const hear = async (happening: Happening): Promise<void> => {
      if (happening.kind !== 'step-started' || happening.step !== 'lease') return;
      // No host is leased before the other run has been there.
      leased ??= fleet.app('web3').lease({...away, run: 'run-0', ttlSeconds: 60});
      await leased;
    };
    expect((await endOf(fleet.apply({run: 'run-3', hear}, file))).exit).toBe(5);
    await fleet.app('web3').release({run: 'run-0', epoch: (await leased) ?? 0}, 'refused');
    const end = await endOf(fleet.apply({run: 'run-4'}, file));
    expect(end.words).toMatch(/is stale on 1 of 3 hosts: web3 was leased since/);
    expect(end.words).not.toContain('web1');
  });

  it('I10: is stale on a host that shows another key', async () => {
    const file = await fleet.plan({run: 'run-2'}, next);
    fleet.keys.set('web2', 'SHA256:another');
    expect(await endOf(fleet.apply({run: 'run-3'}, file))).toMatchObject({
      exit: 4,
      words: 'the plan of shop is stale on 1 of 3 hosts: web2 shows another host key (SHA256:another, expected SHA256:key-of-web2)',
    });
    fleet.keys.set('web2', 'SHA256:key-of-web2');
    expect((await endOf(fleet.apply({run: 'run-4'}, file))).exit).toBe(0);
  });

  it('F13: brings a release again that somebody removed between plan and apply', async () => {
    await fleet.deploy({run: 'run-2'}, next);
    await fleet.rollback({run: 'run-3'});
    const other = await fleet.release('3');
    await fleet.deploy({run: 'run-4'}, other);
    const back = await fleet.plan({run: 'run-5'}, first);
    const releases = path.join(fleet.folder, 'web2', 'site', 'releases', first);
    await rm(releases, {recursive: true, force: true});
    expect((await endOf(fleet.apply({run: 'run-6'}, back))).exit).toBe(0);
    expect(await fleet.live()).toEqual([first, first, first]);
  });

  it('is refused when it would go otherwise now, and when somebody sealed what nobody planned', async () => {
    const file = await fleet.plan({run: 'run-2'}, next, {app: canary});
    const wider = makeApp({roll: {...canary.roll, waves: [{kind: 'percent', percent: 100}]}});
    expect((await endOf(fleet.apply({run: 'run-3'}, file, {app: wider}))).words).toBe(
      'the project says something else than when the plan was made: apps.shop.roll',
    );
    const {plan: _plan, digest: _digest, ...rest} = file;
    const forged: PlanFile = sealPlanFile({...rest, rollout: {...rest.rollout, budget: 3}});
    expect((await endOf(fleet.apply({run: 'run-4'}, forged, {app: canary}))).words).toBe(
      'the plan of shop would go otherwise now: its budget changed',
    );
    expect(await fleet.live()).toEqual([first, first, first]);
  });

  it('of a deploy at a time is not used up by a host that could not be prepared', async () => {
    const at = {timeMs: Math.ceil(Date.now() / 1000) * 1000 + 600_000, gapMs: 0, clockBoundMs: 60_000};
    const app = makeApp({roll: {...makeApp().roll, confirmMs: 300_000}});
    const file = await fleet.plan({run: 'run-2'}, next, {app, at});
    const staged = path.join(fleet.folder, 'web2', 'site', 'releases', next);
    const hear = async (happening: Happening): Promise<void> => {
      if (happening.kind === 'step-started' && happening.step === 'prepare' && happening.host === 'web2')
        await rm(staged, {recursive: true, force: true});
    };
    expect(await fleet.apply({run: 'run-3', hear}, file, {app, at})).toMatchObject({outcome: 'refused', exit: 4});
    const {words} = await endOf(fleet.apply({run: 'run-4'}, file, {app, at, approve: async () => false}));
    expect(words).toBe('not approved; nothing was changed');
  });

  it('F11: that expires between two waves ends after the first, with the command for the rest', async () => {
    let nowMs = Date.parse('2026-11-21T09:00:00Z');
    const now = (): number => nowMs;
    const file = await fleet.plan({run: 'run-2', now}, next, {app: canary});
    const hear = (happening: Happening): void => {
      if (happening.kind === 'step-started' && happening.step === 'confirm') nowMs = Date.parse('2026-11-21T10:00:01Z');
    };
    const end = await fleet.apply({run: 'run-3', now, hear}, file, {app: canary});
    expect(end).toMatchObject({
      ...{outcome: 'needs-attention', exit: 8},
      next: `drover deploy shop ${next.slice(0, 12)} --hosts web[2-3] --plan-out plan.json`,
    });
    expect(await fleet.live()).toEqual([next, first, first]);
    for (const {name} of fleet.hosts) expect((await fleet.state(name)).openRuns).toEqual([]);
    expect((await endOf(fleet.apply({run: 'run-4', now}, file, {app: canary}))).words).toBe(
      'the plan held until 2026-11-21T10:00:00.000Z, 1 s ago',
    );
  });
});

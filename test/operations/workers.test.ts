// biome-ignore-all lint/suspicious/noThenProperty: the word of drover.yml; these maps are never awaited
import {existsSync} from 'node:fs';
import {writeFile} from 'node:fs/promises';
import path from 'node:path';
import {afterEach, describe, expect, it} from 'vitest';
import type {Happening} from '../../src/lib/events/event.js';
import type {App, WorkEnding} from '../../src/lib/inventory/app.js';
import type {RoleName} from '../../src/lib/inventory/host.js';
import type {RolloutPlan} from '../../src/lib/rollout/plan.js';
import {NsqDouble} from '../traffic/nsq-double.js';
import {makeApp, SiteFleet} from './site-fleet.js';
import {WorkerQueue} from './worker-queue.js';

describe('workers', {timeout: 300_000}, () => {
  let fleet: SiteFleet;
  let queue: WorkerQueue;
  let homes: readonly string[];
  const start = async (count: number): Promise<void> => {
    fleet = await SiteFleet.make(count, 'worker');
    queue = await WorkerQueue.make(path.join(fleet.folder, 'queue'));
    homes = fleet.hosts.map(({name}) => path.join(fleet.folder, name));
  };
  afterEach(async () => {
    await queue.stop(homes);
    await fleet.remove();
  });

  const appWith = (work: Partial<WorkEnding>): App => {
    const hooks = {kind: 'hooks', pause: queue.pause, until: queue.until, resume: queue.resume} as const;
    const ending: WorkEnding = {intake: hooks, waitMs: 60_000, then: 'abort', ...work};
    return {...makeApp(), restart: queue.restart, endings: [{role: 'worker' as RoleName, work: ending}]};
  };
  const warnings = (): {said: string[]; hear: (happening: Happening) => void} => {
    const said: string[] = [];
    return {
      said,
      hear: (happening) => {
        if (happening.kind === 'warning') said.push(happening.message);
        if (happening.kind === 'step-ended' && happening.detail !== undefined) said.push(happening.detail);
      },
    };
  };

  it('end what is in flight before they are restarted: each job is done, once', async () => {
    await start(2);
    const app = appWith({});
    expect((await fleet.deploy({run: 'run-1'}, await fleet.release('one'), {app})).exit).toBe(0);
    await queue.add(0, 30);
    await queue.waitFor(5);
    let plan: RolloutPlan | undefined;
    const approve = async (made: RolloutPlan): Promise<boolean> => {
      plan = made;
      return true;
    };
    const deploying = fleet.deploy({run: 'run-2'}, await fleet.release('two'), {app, approve});
    await queue.add(30, 60);
    expect((await deploying).exit).toBe(0);
    await queue.add(60, 70);
    await queue.waitFor(70);
    const done = await queue.done();
    expect(new Set(done.map(({job}) => job)).size).toBe(70);
    expect(done).toHaveLength(70);
    expect(new Set(done.slice(-10).map(({release}) => release))).toEqual(new Set(['two']));
    for (const {name} of fleet.hosts) {
      const {pausedBy, journal} = await fleet.state(name);
      expect(pausedBy).toBeUndefined();
      expect(journal.filter(({run}) => run === 'run-2').map(({event}) => event)).toEqual(
        expect.arrayContaining(['draining', 'paused', 'switched', 'restarted', 'resumed', 'admitted', 'confirmed']),
      );
    }
    expect(plan?.steps).toEqual(['drain', 'switch', 'restart', 'admit', 'confirm']);
    expect(plan?.pauses).toEqual([
      {role: 'worker', how: `${queue.pause}, until ${queue.until}, at most 1m, then abort`, hosts: ['web1', 'web2']},
    ]);
  });

  it('that cannot be asked, or are still at it at the deadline, are resumed and given up; under go they are moved all the same', async () => {
    await start(1);
    await fleet.deploy({run: 'run-1'}, await fleet.release('one'), {app: appWith({})});
    await queue.hold(true);
    await queue.add(0, 2);
    while ((await queue.busy(homes[0] ?? '')).length === 0) await new Promise(setImmediate);
    const id = await fleet.release('two');
    const hooks = {kind: 'hooks', pause: queue.pause, until: 'no-such-program', resume: queue.resume} as const;
    const lost: [Partial<WorkEnding>, RegExp][] = [
      [{intake: hooks}, /^web1: endings.worker.until ended with status 127: .*no-such-program/m],
      [{waitMs: 0}, /^web1 still has work in flight after 0s, and endings.worker.then is "abort"/m],
      [{waitMs: 0, longestMs: 1, then: 'wait'}, /^web1 still has work in flight after 1ms, and endings.worker.then is "wait"/m],
    ];
    for (const [number, [work, words]] of lost.entries()) {
      const {said, hear} = warnings();
      expect((await fleet.deploy({run: `run-2-${number}`, hear}, id, {app: appWith(work)})).exit).toBe(8);
      expect(said.join('\n')).toMatch(words);
      expect(existsSync(path.join(homes[0] ?? '', 'paused'))).toBe(false);
      expect((await fleet.state('web1')).pausedBy).toBeUndefined();
    }
    const {said, hear} = warnings();
    expect((await fleet.deploy({run: 'run-3', hear}, id, {app: appWith({waitMs: 0, then: 'go'})})).exit).toBe(0);
    expect(said).toContain('went on with work in flight after 0s');
    await queue.hold(false);
    await queue.waitFor(1);
    expect((await queue.done()).map(({release}) => release)).toEqual(['two']);
    // What neither goes forward nor back is left out until somebody brings it a release that does.
    const idle = appWith({intake: {...hooks, until: 'true'}});
    const broken = {...idle, restart: 'false'};
    const stuck = warnings();
    expect((await fleet.deploy({run: 'run-4', hear: stuck.hear}, await fleet.release('three'), {app: broken})).exit).toBe(8);
    expect(stuck.said.join('\n')).toContain('its worker stays paused, because its release is in doubt');
    expect((await fleet.state('web1')).pausedBy).toBe('run-4');
    const last = warnings();
    expect((await fleet.deploy({run: 'run-5', hear: last.hear}, await fleet.release('four'), {app: idle})).exit).toBe(0);
    expect(last.said.join('\n')).toContain('worker of shop on web1: paused by run run-4, which has the lease no longer');
    expect((await fleet.state('web1')).pausedBy).toBeUndefined();
  });

  it('of an NSQ channel have it paused while any of them moves, and open when the last is back, also after a way back', async () => {
    await start(2);
    const nsqd = await NsqDouble.start();
    try {
      const channel = {paused: false, inFlight: 2};
      nsqd.channels.set('thumbs/workers', channel);
      nsqd.onRequest = (request) => {
        if (request === '/stats' && channel.paused) channel.inFlight = 0;
        return undefined;
      };
      const seen: string[] = [];
      const intake = {kind: 'nsq', topic: 'thumbs', channel: 'workers', nsqd: [nsqd.origin], lookupd: []} as const;
      const app = {...appWith({intake}), restart: 'test "$DROVER_RELEASE" != "$(cat "$HOME/bad" 2>/dev/null)"'};
      const hear = (happening: Happening): void => {
        if (happening.kind === 'step-started' && happening.step === 'restart') seen.push(`${channel.paused} ${channel.inFlight}`);
      };
      await fleet.deploy({run: 'run-1'}, await fleet.release('one'), {app});
      expect((await fleet.deploy({run: 'run-2', hear}, await fleet.release('two'), {app})).exit).toBe(0);
      expect(seen).toEqual(['true 0', 'true 0']);
      expect(channel.paused).toBe(false);
      const bad = await fleet.release('three');
      await writeFile(path.join(homes[0] ?? '', 'bad'), bad);
      expect((await fleet.deploy({run: 'run-3'}, bad, {app})).exit).toBe(7);
      expect(channel.paused).toBe(false);
    } finally {
      await nsqd.stop();
    }
  });

  it('of an NSQ channel that come back in the same moment leave it open', async () => {
    await start(3);
    const nsqd = await NsqDouble.start();
    try {
      const channel = {paused: false, inFlight: 0};
      nsqd.channels.set('thumbs/workers', channel);
      const intake = {kind: 'nsq', topic: 'thumbs', channel: 'workers', nsqd: [nsqd.origin], lookupd: []} as const;
      const plain = appWith({intake});
      const app: App = {...plain, restart: 'true', roll: {...plain.roll, floor: {kind: 'percent', percent: 0}}};
      await fleet.deploy({run: 'run-1'}, await fleet.release('one'), {app});
      let missing = fleet.hosts.length;
      let open = (): void => undefined;
      const gate = new Promise<void>((resolve) => {
        open = resolve;
      });
      const said = warnings();
      const hear = async (happening: Happening): Promise<void> => {
        said.hear(happening);
        if (happening.kind !== 'step-started' || happening.step !== 'admit') return;
        if (--missing === 0) open();
        await gate;
      };
      expect((await fleet.deploy({run: 'run-2', hear}, await fleet.release('two'), {app})).exit).toBe(0);
      expect(said.said.filter((words) => words.includes('paused'))).toEqual([]);
      expect(channel.paused).toBe(false);
      expect(nsqd.orders.at(-1)).toBe('unpause');
      for (const {name} of fleet.hosts) expect((await fleet.state(name)).pausedBy).toBeUndefined();
    } finally {
      await nsqd.stop();
    }
  });
});

import {rm} from 'node:fs/promises';
import path from 'node:path';
import {afterEach, describe, expect, it} from 'vitest';
import type {TimeRequest} from '../../src/lib/operations/plan-timed.js';
import {copiesOf} from '../host/copies-of.js';
import {TimedFleet} from './timed-fleet.js';

/** All hosts at once, this long from now. */
const soon = (inMs: number): TimeRequest => ({timeMs: Math.ceil((Date.now() + inMs) / 1000) * 1000, gapMs: 0, clockBoundMs: 1000});

describe('a deploy at a time, on hosts of this machine', {timeout: 300_000}, () => {
  let fleet: TimedFleet;
  let before: readonly string[];
  const copy = copiesOf(async () => {
    const made = await TimedFleet.make(3);
    before = await made.live();
    await made.release('2');
    return made;
  });
  const start = async (): Promise<void> => {
    fleet = await copy();
  };
  afterEach(() => fleet.remove());

  /** Nobody switched, nobody is leased, nothing is left to resume. */
  const expectUntouched = async (): Promise<void> => {
    expect(await fleet.live()).toEqual(before);
    for (const state of await fleet.states()) {
      expect(state.lease).toBeUndefined();
      expect(state.openRuns).toEqual([]);
      expect(state.journal.filter((line) => line.run === 'run-2' && line.event === 'switched')).toEqual([]);
    }
  };

  it('switches 20 hosts within a second of one another, at that time and not before', async () => {
    fleet = await TimedFleet.make(20);
    const id = await fleet.release('2');
    // Far enough ahead for a busy machine.
    const at = soon(45_000);
    const end = await fleet.deploy(at);
    expect(end).toEqual({outcome: 'converged', exit: 0});
    expect(await fleet.live()).toEqual(fleet.hosts.map(() => id));
    const journaled = await fleet.journaled();
    expect(journaled.map(({instantMs}) => instantMs)).toEqual(fleet.hosts.map(() => at.timeMs));
    const spread = (times: readonly number[]): number => Math.max(...times) - Math.min(...times);
    const times = journaled.map(({atMs}) => atMs);
    expect(Math.min(...times)).toBeGreaterThanOrEqual(at.timeMs);
    expect(spread(times)).toBeLessThan(1000);
    // By the file system, too: of several seconds nobody would have lied to the journal.
    expect(spread(await fleet.renamed())).toBeLessThan(1000);
    expect(fleet.heard('switched-together')).toMatchObject([
      {hosts: 20, spreadMs: spread(times), lastAfterMs: Math.max(...times) - at.timeMs},
    ]);
    for (const state of await fleet.states()) expect(state.decisions.get('run-2')).toBe('confirmed');
  });

  it('switches nobody when one host cannot be prepared', async () => {
    await start();
    fleet.breakAt('web2', 'prepare');
    const end = await fleet.deploy(soon(60_000));
    expect(end).toMatchObject({outcome: 'refused', exit: 4});
    expect(fleet.heard('warning').map((event) => event.message)).toContainEqual(
      expect.stringMatching(/^web2 could not be prepared, so that nobody switches: .*cut by the test/),
    );
    await expectUntouched();
  });

  it('touches nobody when a clock is off, and says whose and by how much', async () => {
    await start();
    await fleet.shiftClock('web2', '+90 seconds');
    await expect(fleet.deploy(soon(60_000))).rejects.toMatchObject({
      code: 'refused',
      problems: [{host: 'web2', message: expect.stringMatching(/^web2: its clock is off by \+(89|90)\.\d{3} s ± \d+ ms, 1s are allowed$/)}],
    });
    expect(fleet.heard('step-started').map((event) => event.step)).not.toContain('stage');
    await expectUntouched();
  });

  it('blames the clock of this machine when all others agree', async () => {
    await start();
    for (const {name} of fleet.hosts) await fleet.shiftClock(name, '-20 seconds');
    await expect(fleet.deploy(soon(60_000))).rejects.toMatchObject({
      problems: [{fix: 'all hosts agree with each other: set the clock of this machine'}, {}, {}],
    });
  });

  it('is called off without a trace by a Ctrl-C while it waits', async () => {
    await start();
    const end = await fleet.deploy(soon(120_000), (happening) => {
      if (happening.kind === 'waiting') fleet.stop();
    });
    expect(end).toEqual({outcome: 'interrupted', exit: 130});
    await expectUntouched();
  });

  it('sends hosts back that stand ready when a Ctrl-C comes before their time', async () => {
    await start();
    let ready = 0;
    const end = await fleet.deploy(soon(25_000), (happening) => {
      if (happening.kind === 'step-ended' && happening.step === 'arm' && ++ready === 3) fleet.stop();
    });
    expect(end).toMatchObject({outcome: 'interrupted', exit: 130});
    expect(fleet.heard('step-started').map((event) => event.step)).not.toContain('switch');
    await expectUntouched();
  });

  it('switches nobody when one host cannot stand ready', async () => {
    await start();
    fleet.breakAt('web3', 'switch');
    const end = await fleet.deploy(soon(25_000));
    expect(end).toMatchObject({outcome: 'rolled-back', exit: 7});
    await expectUntouched();
  });

  it('switches nobody when another run takes a host while it waits', async () => {
    await start();
    let taken: Promise<unknown> | undefined;
    const take = async (): Promise<void> => {
      // Somebody takes the lease file away, and another run comes first.
      await rm(path.join(fleet.home('web2'), 'site', '.drover', 'lease'));
      await fleet
        .app('web2')
        .lease({run: 'run-9', owner: 'ben', reason: '', ttlSeconds: 90, plan: '{}', from: before[0], to: before[0] ?? ''});
    };
    const end = await fleet.deploy(soon(150_000), (happening) => {
      if (happening.kind === 'waiting') taken = take();
    });
    await taken;
    expect(end).toMatchObject({outcome: 'refused', exit: 5});
    expect(await fleet.live()).toEqual(before);
    expect((await fleet.states()).map((state) => state.lease?.run)).toEqual([undefined, 'run-9', undefined]);
  });

  it('switches nobody when its time has passed before all was prepared', async () => {
    await start();
    const end = await fleet.deploy(soon(0));
    expect(end).toMatchObject({outcome: 'refused', exit: 4});
    expect(fleet.heard('warning').map((event) => event.message)).toContainEqual(
      expect.stringMatching(/^nothing was switched: all was to switch at /),
    );
    await expectUntouched();
  });
});

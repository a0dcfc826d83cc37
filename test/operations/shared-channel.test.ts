import {rm} from 'node:fs/promises';
import path from 'node:path';
import {afterEach, beforeEach, describe, expect, it, vi} from 'vitest';
import type {Happening} from '../../src/lib/events/event.js';
import type {App} from '../../src/lib/inventory/app.js';
import type {RoleName} from '../../src/lib/inventory/host.js';
import {type DoubleChannel, NsqDouble} from '../traffic/nsq-double.js';
import {makeApp, SiteFleet} from './site-fleet.js';

/** The heartbeat beats when a test says so. */
const beats = vi.hoisted(() => ({next: (): void => undefined}));
vi.mock(import('node:timers/promises'), async (original) => {
  const real = await original();
  const beat: typeof real.setTimeout = (ms, value, options) => {
    if (ms !== 20_000) return real.setTimeout(ms, value, options);
    return new Promise((resolve, reject) => {
      beats.next = () => resolve(value as never);
      options?.signal?.addEventListener('abort', () => reject(new Error('stopped')));
    });
  };
  return {...real, setTimeout: beat};
});

/** Somebody waits for `opened` until `open` is called. */
function makeGate(): {open: () => void; opened: Promise<void>} {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return {open, opened};
}

const isStep = (happening: Happening, kind: 'step-started' | 'step-ended', step: string, host: string): boolean =>
  happening.kind === kind && happening.step === step && happening.host === host;

describe('an NSQ channel that workers share', {timeout: 300_000}, () => {
  let fleet: SiteFleet;
  let one: NsqDouble;
  let two: NsqDouble;
  let channels: readonly DoubleChannel[];
  let app: App;
  beforeEach(async () => {
    one = await NsqDouble.start();
    two = await NsqDouble.start();
    channels = [one, two].map((nsqd) => {
      const channel = {paused: false, inFlight: 0};
      nsqd.channels.set('thumbs/workers', channel);
      return channel;
    });
    fleet = await SiteFleet.make(2, 'worker');
    const intake = {kind: 'nsq', topic: 'thumbs', channel: 'workers', nsqd: [one.origin, two.origin], lookupd: []} as const;
    const plain = makeApp({restart: 'true'});
    app = {
      ...plain,
      endings: [{role: 'worker' as RoleName, work: {intake, waitMs: 60_000, then: 'abort'}}],
      roll: {...plain.roll, floor: {kind: 'percent', percent: 0}},
    };
    await fleet.deploy({run: 'run-1'}, await fleet.release('one'), {app});
  });
  afterEach(async () => {
    await Promise.all([one.stop(), two.stop()]);
    await fleet.remove();
  });
  const paused = (): readonly boolean[] => channels.map((channel) => channel.paused);

  it('is opened by another worker when a host dies in the middle of its move, for those that move after it', async () => {
    const waves: App = {
      ...app,
      roll: {
        ...app.roll,
        waves: [
          {kind: 'count', count: 1},
          {kind: 'percent', percent: 100},
        ],
      },
    };
    const seen: (readonly boolean[])[] = [];
    const hear = (happening: Happening): void => {
      if (isStep(happening, 'step-started', 'switch', 'web1')) {
        seen.push(paused());
        fleet.silent.add('web1');
      }
      if (isStep(happening, 'step-started', 'drain', 'web2')) seen.push(paused());
    };
    const end = await fleet.deploy({run: 'run-2', hear}, await fleet.release('two'), {app: waves});
    expect(seen).toEqual([
      [true, true],
      [false, false],
    ]);
    expect(end.exit).toBe(8);
    expect(paused()).toEqual([false, false]);
    fleet.silent.clear();
  });

  it('is opened wherever it can be when an nsqd refuses; that one is named, is debt, and is opened by the host later', async () => {
    const said: string[] = [];
    const hear = (happening: Happening): void => {
      if (happening.kind === 'warning') said.push(happening.message);
      if (isStep(happening, 'step-started', 'admit', 'web1')) two.onRequest = () => 500;
    };
    const id = await fleet.release('two');
    const end = await fleet.deploy({run: 'run-2', hear}, id, {app, hosts: fleet.hosts.slice(0, 1)});
    expect(paused()).toEqual([false, true]);
    expect(said).toEqual([
      expect.stringMatching(`^channel thumbs/workers at nsqd ${two.origin} of this machine could not be opened: .*500`),
    ]);
    expect(end).toMatchObject({outcome: 'needs-attention', exit: 8, next: `drover deploy shop ${id.slice(0, 12)} --hosts web1`});
    expect(await fleet.state('web1')).toMatchObject({live: id, pausedBy: 'run-2'});
    two.onRequest = () => undefined;
    while ((await fleet.state('web1')).pausedBy !== undefined) await new Promise(setImmediate);
    expect(paused()).toEqual([false, false]);
    expect((await fleet.deploy({run: 'run-3'}, id, {app})).exit).toBe(0);
  });

  it('stays paused until the last of two runs is done with it', async () => {
    const [first, second] = ['run-a', 'run-b'];
    const gate = makeGate();
    const held = makeGate();
    const id = await fleet.release('two');
    const hear = async (happening: Happening): Promise<void> => {
      if (!isStep(happening, 'step-started', 'restart', 'web1')) return;
      held.open();
      await gate.opened;
    };
    const outer = fleet.deploy({run: first, hear}, id, {app, hosts: fleet.hosts.slice(0, 1)});
    await held.opened;
    const said: string[] = [];
    const inner = await fleet.deploy(
      {run: second, hear: (happening) => void (happening.kind === 'warning' && said.push(happening.message))},
      ...([id, {app, hosts: fleet.hosts.slice(1)}] as const),
    );
    expect(inner.exit).toBe(0);
    expect(said.join('\n')).toContain(`was paused already; run ${first} moves web1: the last of both opens it`);
    expect(said.join('\n')).toContain(`is left to run ${first}, which moves web1`);
    expect(paused()).toEqual([true, true]);
    gate.open();
    expect((await outer).exit).toBe(0);
    expect(paused()).toEqual([false, false]);
  });

  it('is not kept for a worker whose host another run has, once a heartbeat has said so', async () => {
    const gate = makeGate();
    const held = makeGate();
    const lost = makeGate();
    let seen: readonly boolean[] = [];
    const hear = async (happening: Happening): Promise<void> => {
      if (happening.kind === 'warning' && happening.host === 'web1') lost.open();
      if (isStep(happening, 'step-started', 'restart', 'web1')) {
        held.open();
        await gate.opened;
      }
      if (isStep(happening, 'step-started', 'admit', 'web2')) await lost.opened;
      if (isStep(happening, 'step-ended', 'admit', 'web2')) {
        seen = paused();
        gate.open();
      }
    };
    const running = fleet.deploy({run: 'run-2', hear}, await fleet.release('two'), {app});
    await held.opened;
    // Without its note the keeper on the host opens nothing.
    await rm(path.join(fleet.folder, 'web1', 'site', '.drover', 'pause', 'by'));
    const {epoch} = await fleet.state('web1');
    await fleet.app('web1').endLease({run: 'run-2', epoch, owner: 'ben', reason: 'wrong release', takeover: true});
    beats.next();
    expect((await running).exit).toBe(8);
    expect(seen).toEqual([false, false]);
  });
});

import {chmod, mkdir, readdir, readFile, writeFile} from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import {estimateClock, formatClock} from '../../src/lib/host/clock-estimate.js';
import type {ArmedSwitch, TimedMove} from '../../src/lib/host/timed-switch.js';
import type {SnapshotId} from '../../src/lib/snapshot/manifest.js';
import {copiesOf} from './copies-of.js';
import {itUnder, linkWith, type Shell, Site, shells} from './verb-site.js';

const now = (): number => Date.now();

describe.each(shells)('a switch at an instant under $name', (shell: Shell) => {
  const {eachShell, oneShell} = itUnder(shell);
  let site: Site;
  let a: SnapshotId;
  let b: SnapshotId;
  const copy = copiesOf(async () => {
    const made = await Site.make(shell);
    a = await made.stage({name: 'a'});
    b = await made.stage({name: 'b'});
    await made.deploy('run-1', undefined, a);
    return made;
  });
  beforeEach(async () => {
    site = await copy();
  });
  afterEach(() => site.remove());

  const move = (inMs: number, more: Partial<TimedMove> = {}): TimedMove => ({
    ...{from: a, to: b, confirmSeconds: 300, instantMs: Math.ceil((now() + inMs) / 1000) * 1000, lateMs: 20_000},
    ...more,
  });
  const ended = async (): Promise<void> => {
    // The verb that was called off still has to notice it: its last act is to let go of its notes.
    for (;;) {
      const left = await readdir(site.at('.drover', 'runs', 'run-2'));
      if (!left.some((name) => name.startsWith('word.'))) return;
    }
  };

  it('comes at the instant by the host clock, not before, and its moment is in the journal', async () => {
    const fence = await site.lease('run-2', a, b);
    await site.app.prepareSwitch(fence, {from: a, to: b, restart: 'true'});
    const timed = move(4000);
    const armed = await site.app.armSwitch(fence, timed, now);
    expect(await site.live(), 'armed is not switched').toBe(a);
    const result = await armed.go();
    expect(await site.live()).toBe(b);
    expect(result).toMatchObject({unchanged: false, restarted: false});
    expect(result.atMs).toBeGreaterThanOrEqual(timed.instantMs);
    expect((await site.events()).slice(-5)).toEqual([
      'leased ana',
      `prepared ${a} ${b}`,
      `intent ${a} ${b}`,
      `switched ${a} ${b}`,
      `switched-at ${result.atMs} ${timed.instantMs}`,
    ]);
    expect(await readFile(site.at('.drover', 'runs', 'run-2', 'restart'), 'utf8')).toBe('true\n');
    const again = await site.app.armSwitch(fence, timed, now);
    expect(await again.go(), 'asked twice, it says the same moment').toEqual({unchanged: true, restarted: false, atMs: result.atMs});
    expect(await site.app.revert(fence)).toEqual({changed: true, live: a, from: b});
  });

  eachShell('does not come without go, and not when its controller is gone after go', async () => {
    const fence = await site.lease('run-2', a, b);
    for (const say of [() => undefined, (armed: ArmedSwitch) => armed.go().catch((error: unknown) => error)]) {
      const armed = await site.app.armSwitch(fence, move(5000), now);
      const answer = say(armed);
      armed.callOff();
      await answer;
      await ended();
      expect(await site.live()).toBe(a);
    }
    expect((await site.app.readState()).decisions.size).toBe(1);
    expect(await site.app.switchTo(fence, {from: a, to: b, confirmSeconds: 0, restart: ''})).toEqual({unchanged: false, restarted: false});
  });

  eachShell('leaves no dead-man behind where it was called off in its last moment', async () => {
    const fence = await site.lease('run-2', a, b);
    const armed = await site.app.armSwitch(fence, move(5000), now);
    const answer = armed.go().catch((error: unknown) => error);
    while (!(await site.events()).includes(`intent ${a} ${b}`));
    armed.callOff();
    expect(await answer).toMatchObject({failure: 'called-off'});
    expect((await site.events()).at(-1)).toBe(`called-off ${a} ${b}`);
    expect(await readdir(site.at('.drover', 'runs', 'run-2'))).not.toContain('watch');
    expect(await site.live()).toBe(a);
  });

  eachShell('does not come when it is too late, when another run has the lease, or when the lease has run out', async () => {
    const fence = await site.lease('run-2', a, b);
    await expect(site.app.armSwitch(fence, move(-30_000), now)).rejects.toMatchObject({failure: 'late'});
    const taken = await site.app.armSwitch(fence, move(4000), now);
    const newer = await site.lease('run-2', a, b, {ttl: 1});
    await expect(taken.go()).rejects.toMatchObject({failure: 'fenced'});
    const silent = await site.app.armSwitch(newer, move(6000), now);
    await expect(silent.go()).rejects.toMatchObject({failure: 'fenced', message: expect.stringContaining('has run out')});
    expect(await site.live()).toBe(a);
  });

  oneShell('refuses to prepare what is not there or is not expected', async () => {
    const fence = await site.lease('run-2', a, b);
    await expect(site.app.prepareSwitch(fence, {from: a, to: 'd'.repeat(64), restart: ''})).rejects.toMatchObject({failure: 'missing'});
    await expect(site.app.prepareSwitch(fence, {from: undefined, to: b, restart: ''})).rejects.toMatchObject({failure: 'conflict'});
  });

  eachShell('reads the clock of the host, exactly enough to tell a second from none', async () => {
    const estimate = await site.app.readClock(now, 250);
    expect(Math.abs(estimate.offsetMs)).toBeLessThanOrEqual(estimate.errorMs + 1);
  });

  oneShell('sees a clock that goes wrong by seconds, and by how much', async () => {
    const folder = path.join(site.folder, 'bin');
    await mkdir(folder);
    await writeFile(path.join(folder, 'date'), '#!/bin/sh\nexec /bin/date -d "+7 seconds" "$@"\n', {mode: 0o755});
    await chmod(folder, 0o755);
    const wrong = {...shell, env: {...shell.env, PATH: `${folder}:${shell.env.PATH}`}};
    const {offsetMs, errorMs} = await site.appOver(linkWith(wrong)).readClock(now, 250);
    expect(Math.abs(offsetMs - 7000)).toBeLessThanOrEqual(errorMs + 1);
    expect(formatClock({offsetMs, errorMs})).toMatch(/^\+(6\.9|7\.0)\d\d s ± \d+ ms$/);
  });
});

describe('estimateClock()', () => {
  it('takes the shortest round trip, whose middle is wrong by half of it at most', () => {
    const samples = [
      {sentMs: 1000, hostMs: 1500, heardMs: 1400},
      {sentMs: 2000, hostMs: 2305, heardMs: 2010},
      {sentMs: 3000, hostMs: 3400, heardMs: 3200},
    ];
    expect(estimateClock(samples, 0)).toEqual({offsetMs: 300, errorMs: 5});
  });

  it('counts how coarsely the host tells its time, and never claims what the truth may miss', () => {
    expect(estimateClock([{sentMs: 0, hostMs: 0, heardMs: 10}], 1000)).toEqual({offsetMs: 495, errorMs: 505});
    fc.assert(
      fc.property(
        fc.integer({min: -5000, max: 5000}),
        fc.array(fc.tuple(fc.nat(1000), fc.nat(1000)), {minLength: 1, maxLength: 10}),
        fc.constantFrom(0, 10, 1000),
        (offset, trips, grain) => {
          const samples = trips.map(([there, back], index) => {
            const sentMs = 1_000_000 + index * 5000;
            const real = sentMs + there + offset;
            return {sentMs, hostMs: grain === 0 ? real : Math.floor(real / grain) * grain, heardMs: sentMs + there + back};
          });
          const estimate = estimateClock(samples, grain);
          expect(Math.abs((estimate?.offsetMs ?? Number.NaN) - offset)).toBeLessThanOrEqual(estimate?.errorMs ?? 0);
        },
      ),
    );
    expect(estimateClock([], 1)).toBeUndefined();
  });

  it('is told in words that name its doubt', () => {
    expect(formatClock({offsetMs: -12.4, errorMs: 3.2})).toBe('-12 ms ± 4 ms');
    expect(formatClock({offsetMs: 3201, errorMs: 4})).toBe('+3.201 s ± 4 ms');
  });
});

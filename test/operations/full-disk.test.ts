import {spawnSync} from 'node:child_process';
import {readdir} from 'node:fs/promises';
import path from 'node:path';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import type {Happening} from '../../src/lib/events/event.js';
import {makeApp, SiteFleet} from './site-fleet.js';

const sh = (script: string, ...words: readonly string[]): number | null => spawnSync('sh', ['-ec', script, 'sh', ...words]).status;
const canMount = process.getuid?.() === 0 && sh('d=$(mktemp -d); mount -t tmpfs none "$d" && umount "$d"; rmdir "$d"') === 0;

/** With a restart, a check and a dead-man's switch: everything that a way back writes. */
const app = makeApp({
  roll: {...makeApp().roll, confirmMs: 60_000},
  restart: 'true',
  health: [{kind: 'run', command: 'test -s name', timeoutMs: 5000, intervalMs: 100, rise: 1, deadlineMs: 10_000}],
});

describe.runIf(canMount)('a host without a byte left', {timeout: 300_000}, () => {
  let fleet: SiteFleet;
  let disk: string;
  let [first, second] = ['', ''];
  const fill = (): void => {
    expect(sh('cat /dev/zero >"$1/filler" 2>/dev/null || true; ! echo x >"$1/more" 2>/dev/null || test ! -s "$1/more"', disk)).toBe(0);
  };
  beforeEach(async () => {
    fleet = await SiteFleet.make(1);
    disk = path.join(fleet.folder, 'web1');
    expect(sh('mount -t tmpfs -o size=72m,mode=755 none "$1"', disk)).toBe(0);
    first = await fleet.release('1');
    second = await fleet.release('2');
    for (const [run, id] of [
      ['run-1', first],
      ['run-2', second],
    ] as const)
      expect((await fleet.deploy({run}, id, {app})).exit).toBe(0);
    fill();
  });
  afterEach(async () => {
    // A dead-man's switch that was called off may still be asleep there.
    sh('umount -l "$1"', disk);
    await fleet.remove();
  });

  it('C3: proves its last good release and goes back to it, pins the other one out, and prunes nothing by guesswork', async () => {
    const said: string[] = [];
    const hear = (happening: Happening): void => {
      if (happening.kind === 'warning') said.push(happening.message);
    };
    const before = await readdir(path.join(disk, 'site', 'releases'));
    expect(await fleet.rollback({run: 'run-3', reason: 'errors', hear}, {app})).toEqual({outcome: 'converged', exit: 0});
    expect(await fleet.live()).toEqual([first]);
    const state = await fleet.state('web1');
    expect(state.pins).toMatchObject([{release: second, why: 'errors'}]);
    expect(state.journal.slice(-1)).toMatchObject([{run: 'run-3', event: 'ended', detail: 'converged'}]);
    expect(state.openRuns).toEqual([]);
    expect((await readdir(path.join(disk, 'site', 'releases'))).sort()).toEqual(before.sort());
    // Once more, with what little that way back has left: nothing to do, and nothing is done.
    fill();
    expect((await fleet.rollback({run: 'run-4'}, {app})).exit).toBe(0);
    expect(await fleet.live()).toEqual([first]);
  });

  it('C3: names the file of a release that lost a byte', async () => {
    const file = path.join(disk, 'site', 'releases', first, 'name');
    expect(sh('chmod u+w "$1" && printf 9 | dd of="$1" conv=notrunc 2>/dev/null && chmod 444 "$1"', file)).toBe(0);
    await expect(fleet.rollback({run: 'run-3'}, {app})).rejects.toMatchObject({
      code: 'integrity',
      message: expect.stringContaining(`release ${first} is not what its manifest says: ./name: FAILED`) as string,
    });
    expect(await fleet.live()).toEqual([second]);
  });
});

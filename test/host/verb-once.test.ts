import {readdirSync, readFileSync} from 'node:fs';
import {readFile, rm, writeFile} from 'node:fs/promises';
import {setTimeout as sleep} from 'node:timers/promises';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import type {Fence} from '../../src/lib/host/fence.js';
import type {TaskCall, TaskState} from '../../src/lib/host/once-task.js';
import {copiesOf} from './copies-of.js';
import {itUnder, type Shell, Site, shells} from './verb-site.js';

/** Ends the process that keeps a task below `root`, as a host that runs out of memory does, and what it started stays. */
function killKeeper(root: string): number {
  const keepers = readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      return words.some((word) => word.endsWith('/keeper.sh')) && words.includes(root);
    } catch {
      return false;
    }
  });
  for (const pid of keepers) process.kill(Number(pid), 'SIGKILL');
  return keepers.length;
}

describe.each(shells)('a once task under $name', {timeout: 300_000}, (shell: Shell) => {
  const {eachShell, oneShell} = itUnder(shell);
  let site: Site;
  let old: string;
  let next: string;
  let fence: Fence;
  const run = (command: string, more: Partial<TaskCall> = {}): Promise<TaskState> =>
    site.app.runTask(fence, {
      task: 'before',
      command,
      from: old,
      to: next,
      deadlineSeconds: 30,
      waitSeconds: 20,
      ...more,
    });

  let first: Fence;
  const copy = copiesOf(async () => {
    const made = await Site.make(shell);
    await made.own('shared');
    old = await made.stage({name: 'old'});
    await made.deploy('r0', undefined, old);
    next = await made.stage({
      name: 'new',
      migrate: {mode: 0o755, text: 'echo "$DROVER_RUN $DROVER_RELEASE $DROVER_PREVIOUS $DROVER_APP"\n'},
    });
    first = await made.lease('r1', old, next, {ttl: 3600});
    return made;
  });
  beforeEach(async () => {
    site = await copy();
    fence = first;
  });
  afterEach(() => site.remove());

  it('runs in the tree of the new release, which is not live, and knows the run and both releases', async () => {
    const ended = await run('cat name; sh ./migrate; exit 3');
    expect(ended).toMatchObject({kind: 'ended', status: 3, lateAfterSeconds: undefined, output: `newr1 ${next} ${old} shop\n`});
    expect(await site.live()).toBe(old);
    expect(await site.events()).toEqual(expect.arrayContaining([`once-begun before ${next}`, 'once-ended before 3']));
  });

  eachShell('runs once, however often it is asked for and by whichever epoch of the run', async () => {
    const count = `echo ran >>${site.at('shared', 'count')}`;
    expect(await run(count)).toMatchObject({kind: 'ended', status: 0});
    expect(await run(count)).toMatchObject({kind: 'ended', status: 0});
    fence = await site.lease('r1', old, next);
    expect(await run(count)).toMatchObject({kind: 'ended', status: 0});
    expect(await readFile(site.at('shared', 'count'), 'utf8')).toBe('ran\n');
    expect((await site.app.readState()).tasks).toEqual([{run: 'r1', task: 'before', state: 'done'}]);
  });

  eachShell('goes on when nobody waits, is found again by the next epoch, and keeps another run away meanwhile', async () => {
    const go = site.at('shared', 'go');
    const command = `echo ran >>${site.at('shared', 'count')}; until [ -e ${go} ]; do sleep 0.1; done; echo done`;
    expect(await run(command, {waitSeconds: 0})).toEqual({kind: 'running'});
    await site.app.release(fence, undefined);
    await expect(site.lease('r2', old, next)).rejects.toMatchObject({failure: 'leased', message: expect.stringContaining('still at work')});
    fence = await site.lease('r1', old, next);
    expect((await site.app.readState()).tasks).toEqual([{run: 'r1', task: 'before', state: 'running'}]);
    await expect(run(command, {again: 'o1'})).rejects.toMatchObject({failure: 'conflict'});
    await writeFile(go, '');
    expect(await run(command)).toMatchObject({kind: 'ended', status: 0, output: 'done\n'});
    expect(await readFile(site.at('shared', 'count'), 'utf8')).toBe('ran\n');
    await site.app.release(fence, undefined);
    await site.lease('r2', old, next);
  });

  oneShell('I6: is refused to an epoch that was fenced off', async () => {
    const stale = fence;
    fence = await site.lease('r1', old, next);
    await expect(
      site.app.runTask(stale, {task: 'before', command: 'true', from: old, to: next, deadlineSeconds: 9, waitSeconds: 9}),
    ).rejects.toMatchObject({failure: 'fenced'});
    expect((await site.app.readState()).tasks).toEqual([]);
  });

  eachShell('is unknown when its keeper died in the middle, stays so, and begins anew only when that is said', async () => {
    const command = `echo ran >>${site.at('shared', 'count')}; until [ -e ${site.at('shared', 'go')} ]; do sleep 0.1; done`;
    expect(await run(command, {waitSeconds: 1})).toEqual({kind: 'running'});
    expect(killKeeper(site.root)).toBeGreaterThan(0);
    expect(await run(command, {waitSeconds: 1})).toEqual({kind: 'unknown'});
    expect(await run(command, {waitSeconds: 1})).toEqual({kind: 'unknown'});
    expect((await site.app.readState()).tasks).toEqual([{run: 'r1', task: 'before', state: 'unknown'}]);
    await expect(run('true', {again: 'o1'}), 'what it started is left').rejects.toMatchObject({failure: 'conflict'});
    await writeFile(site.at('shared', 'go'), '');
    while (
      await run('true', {again: 'o0'}).then(
        () => false,
        () => true,
      )
    )
      await sleep(100);
    for (const word of ['o1', 'o1', 'o2'])
      expect(await run(`echo again >>${site.at('shared', 'again')}`, {again: word})).toMatchObject({kind: 'ended', status: 0});
    expect(await readFile(site.at('shared', 'again'), 'utf8')).toBe('again\nagain\n');
    expect(await readFile(site.at('shared', 'count'), 'utf8')).toBe('ran\n');
  });

  oneShell('begins after all when its verb died before the task did', async () => {
    expect(await run('true')).toMatchObject({kind: 'ended'});
    for (const file of ['started', 'result']) await rm(site.at('.drover', 'runs', 'r1', 'once-before', file));
    expect(await run('echo begun')).toMatchObject({kind: 'ended', status: 0, output: 'begun\n'});
  });

  eachShell('V12: is ended at its deadline with all it started, and a daemon that holds its output does not hold it', async () => {
    expect(await run('echo begun; sleep 60 & wait', {deadlineSeconds: 1})).toMatchObject({
      kind: 'ended',
      lateAfterSeconds: 1,
      output: 'begun\n',
    });
    const daemon = await run('sleep 61 & echo "daemon $!"', {task: 'after', waitSeconds: 30});
    expect(daemon).toMatchObject({kind: 'ended', status: 0, output: expect.stringMatching(/^daemon \d+\n$/)});
    if (daemon.kind === 'ended') process.kill(Number(/\d+/.exec(daemon.output)?.[0]), 'SIGKILL');
  });

  eachShell('keeps the beginning and the end of what it says', async () => {
    const ended = await run('echo first; awk "BEGIN {for (i = 0; i < 40000; i++) print i}"; echo last');
    expect(ended).toMatchObject({kind: 'ended', status: 0});
    const output = ended.kind === 'ended' ? ended.output : '';
    expect(output).toMatch(/^first\n0\n1\n[\s\S]*left out here[\s\S]*39999\nlast\n$/);
    expect(output.length).toBeLessThan(64 * 1024);
  });
});

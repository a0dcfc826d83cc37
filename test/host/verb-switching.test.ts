import {spawnSync} from 'node:child_process';
import {chmod, mkdir, readdir, readFile, rm, symlink, unlink, writeFile} from 'node:fs/promises';
import {setTimeout as sleep} from 'node:timers/promises';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import type {Fence} from '../../src/lib/host/host-app.js';
import type {SnapshotId} from '../../src/lib/snapshot/manifest.js';
import {isRoot, type Shell, Site, shells} from './verb-site.js';

const ttlSeconds = 60;

describe.each(shells)('switching under $name', (shell: Shell) => {
  let site: Site;
  let a: SnapshotId;
  let b: SnapshotId;
  beforeEach(async () => {
    site = await Site.make(shell);
    a = await site.stage({name: 'a'});
    b = await site.stage({name: 'b'});
  });
  afterEach(() => site.remove());

  async function lease(run: string, from: string | undefined, to: string, more: {ttl?: number; plan?: string} = {}): Promise<Fence> {
    const epoch = await site.app.lease({
      run,
      owner: 'ana',
      reason: 'deploy "b"; $(x)',
      ttlSeconds: more.ttl ?? ttlSeconds,
      plan: more.plan ?? `{"run":"${run}"}`,
      from,
      to,
    });
    return {run, epoch};
  }

  /** A whole deploy; the restart hook leaves its mark. */
  async function deploy(run: string, from: string | undefined, to: string): Promise<Fence> {
    const fence = await lease(run, from, to);
    await site.app.switchTo(fence, {from, to, confirmSeconds: 0, restart: ''});
    await site.app.confirm(fence, to);
    await site.app.release(fence, 'converged');
    return fence;
  }

  it('serves a release, confirms it, goes on to the next and back', async () => {
    await deploy('run-1', undefined, a);
    expect(await site.live()).toBe(a);
    const fence = await lease('run-2', a, b);
    expect(await site.app.switchTo(fence, {from: a, to: b, confirmSeconds: 0, restart: ''})).toEqual({unchanged: false, restarted: false});
    expect(await site.app.switchTo(fence, {from: a, to: b, confirmSeconds: 0, restart: ''})).toEqual({unchanged: true, restarted: false});
    expect(
      await site.app.runHook({
        command: 'echo $DROVER_RELEASE $DROVER_PREVIOUS',
        seconds: 10,
        cwd: `${site.root}/current`,
        fence,
        event: 'restarted',
        from: a,
        to: b,
      }),
    ).toMatchObject({output: `${b} ${a}\n`});
    expect(await site.app.switchTo(fence, {from: a, to: b, confirmSeconds: 0, restart: ''})).toEqual({unchanged: true, restarted: true});
    expect(await site.app.revert(fence)).toEqual({changed: true, live: a, from: b});
    expect(await site.app.revert(fence)).toEqual({changed: false, live: a, from: b});
    await expect(site.app.switchTo(fence, {from: a, to: b, confirmSeconds: 0, restart: ''})).rejects.toMatchObject({
      failure: 'reverted-itself',
    });
    await expect(site.app.confirm(fence, b)).rejects.toMatchObject({failure: 'reverted-itself'});
    expect((await site.events()).slice(2)).toEqual([
      ...[
        'leased ana',
        `intent  ${a}`,
        `switched  ${a}`,
        `confirmed ${a}`,
        'ended converged',
        'leased ana',
        `intent ${a} ${b}`,
        `switched ${a} ${b}`,
      ],
      ...[`restarted ${b}`, `reverting ${b} ${a}`, `reverted ${b} ${a}`],
    ]);
  });

  it('takes the link away again when nothing was served before', async () => {
    const fence = await lease('run-1', undefined, a);
    await site.app.switchTo(fence, {from: undefined, to: a, confirmSeconds: 0, restart: ''});
    expect(await site.app.revert(fence)).toEqual({changed: true, live: undefined, from: a});
    expect(await site.live()).toBeUndefined();
  });

  it('takes nothing back that this run did not change', async () => {
    await deploy('run-1', undefined, a);
    const fence = await lease('run-2', b, a);
    expect(await site.app.revert(fence)).toMatchObject({changed: false, live: a});
    expect(await site.app.switchTo(fence, {from: b, to: a, confirmSeconds: 0, restart: ''})).toMatchObject({unchanged: true});
    expect(await site.app.revert(fence)).toEqual({changed: false, live: a, from: undefined});
    expect(await site.live()).toBe(a);
  });

  it('records a failed run that never came to its switch as reverted', async () => {
    await deploy('run-1', undefined, a);
    const fence = await lease('run-2', a, b);
    await site.app.switchTo(fence, {from: a, to: b, confirmSeconds: 0, restart: ''});
    spawnSync('ln', ['-sfn', `releases/${a}`, site.at('current')]);
    expect(await site.app.revert(fence)).toMatchObject({changed: false, live: a});
    expect((await site.events()).at(-1)).toBe(`reverted ${b} ${a}`);
  });

  it('compares before it swaps', async () => {
    await deploy('run-1', undefined, a);
    await expect(lease('run-2', b, 'c'.repeat(64))).rejects.toMatchObject({
      failure: 'conflict',
      message: expect.stringContaining(`serves ${a}, the plan expects ${b}`),
    });
    expect(await readdir(site.at('.drover', 'runs'))).toEqual(['run-1']);
    const fence = await lease('run-2', a, b);
    await expect(site.app.switchTo(fence, {from: undefined, to: b, confirmSeconds: 0, restart: ''})).rejects.toMatchObject({
      failure: 'conflict',
    });
    await expect(site.app.switchTo(fence, {from: a, to: 'd'.repeat(64), confirmSeconds: 0, restart: ''})).rejects.toMatchObject({
      failure: 'missing',
    });
    await expect(site.app.confirm(fence, b)).rejects.toMatchObject({failure: 'conflict'});
    expect(await site.live()).toBe(a);
  });

  it('gives the lease to one run at a time, and says who has it', async () => {
    const fence = await lease('run-1', undefined, a);
    const held = lease('run-2', undefined, a);
    await expect(held).rejects.toMatchObject({
      failure: 'leased',
      code: 'leased',
      body: expect.stringMatching(/lease-run run-1\nlease-owner ana\nlease-reason deploy "b"; \$\(x\)\nlease-left (60|59)\n/),
    });
    expect((await site.app.readState()).lease).toMatchObject({run: 'run-1', owner: 'ana', reason: 'deploy "b"; $(x)'});
    await site.app.renew(fence, ttlSeconds);
    await site.app.release(fence, undefined);
    expect((await site.app.readState()).lease).toBeUndefined();
    await expect(site.app.renew(fence, ttlSeconds)).rejects.toMatchObject({failure: 'fenced'});
    expect((await lease('run-2', undefined, a)).epoch).toBe(fence.epoch + 1);
    await expect(site.app.release(fence, 'late')).rejects.toMatchObject({failure: 'fenced'});
  });

  it('fences every change of an owner that was taken over', async () => {
    const old = await lease('run-1', undefined, a, {ttl: 0});
    const fence = await lease('run-2', undefined, b);
    const move = {from: undefined, to: a, confirmSeconds: 0, restart: 'echo old'};
    for (const change of [
      () => site.app.switchTo(old, move),
      () => site.app.confirm(old, a),
      () => site.app.revert(old),
      () => site.app.renew(old, ttlSeconds),
      () => site.app.note(old, 'draining', ''),
      () => site.app.release(old, 'done'),
      () => site.app.runHook({command: 'touch planted', seconds: 5, cwd: site.root, fence: old}),
      () => site.app.switchTo({run: 'run-1', epoch: fence.epoch}, move),
      () => site.app.switchTo({run: 'run-2', epoch: old.epoch}, move),
      () => site.app.switchTo({run: '', epoch: 0}, move),
    ]) {
      const before = await site.events();
      await expect(change()).rejects.toMatchObject({name: 'DroverError'});
      expect(await site.events()).toEqual(before);
    }
    expect(await site.live()).toBeUndefined();
    expect(await readdir(site.root)).not.toContain('planted');
    // The same run may go on after its own controller died, and fences that one off.
    const again = await lease('run-2', undefined, b);
    await expect(site.app.note(fence, 'draining', '')).rejects.toMatchObject({failure: 'fenced'});
    await site.app.note(again, 'draining', '');
  });

  it('lets a lease end with the boot that it was given in', async () => {
    await lease('run-1', undefined, a);
    const file = site.at('.drover', 'lease');
    await writeFile(file, (await readFile(file, 'utf8')).replace(/boot=.*/, 'boot=another'));
    expect((await site.app.readState()).lease).toMatchObject({run: 'run-1', leftSeconds: 0});
    await lease('run-2', undefined, a);
  });

  it('does not begin anew where its state was removed', async () => {
    const fence = await lease('run-1', undefined, a);
    await rm(site.at('.drover', 'epoch'));
    await expect(site.app.switchTo(fence, {from: undefined, to: a, confirmSeconds: 0, restart: ''})).rejects.toMatchObject({
      failure: 'fenced',
    });
    spawnSync('rm', ['-rf', site.at('.drover')]);
    await expect(site.app.renew(fence, ttlSeconds)).rejects.toMatchObject({failure: 'fenced'});
    await expect(site.app.note(fence, 'draining', '')).rejects.toMatchObject({failure: 'fenced'});
  });

  it('touches no `current` that it did not make', async () => {
    const fence = await lease('run-1', undefined, a);
    const move = {from: undefined, to: a, confirmSeconds: 0, restart: ''};
    for (const [make, words] of [
      [() => mkdir(site.at('current')), 'is not a link'],
      [() => symlink('/etc', site.at('current')), 'points to /etc, not to a release'],
      [() => symlink(`releases/${a}/..`, site.at('current')), 'not to a release'],
      [() => symlink('releases/', site.at('current')), 'not to a release'],
    ] as const) {
      await make();
      expect((await site.app.readState()).unsafe).toContain(words);
      for (const change of [() => site.app.switchTo(fence, move), () => site.app.revert(fence), () => lease('run-1', undefined, a)]) {
        await expect(change()).rejects.toMatchObject({failure: 'unsafe', message: expect.stringContaining(words)});
      }
      await rm(site.at('current'), {recursive: true});
    }
    await symlink(`releases/${'e'.repeat(64)}`, site.at('current'));
    expect((await site.app.readState()).unsafe).toContain('a release that is gone');
    await unlink(site.at('current'));
    await site.app.switchTo(fence, move);
  });

  it('refuses folders that others could have planted', async () => {
    const fresh = await Site.make(shell);
    const state = (): Promise<unknown> => fresh.app.note({run: 'r', epoch: 1}, 'x', '');
    await chmod(fresh.root, 0o777);
    await expect(state()).rejects.toMatchObject({
      failure: 'unsafe',
      message: expect.stringContaining(`${fresh.root} is writable by everybody`),
    });
    await chmod(fresh.root, 0o755);
    await chmod(fresh.folder, 0o777);
    await expect(state()).rejects.toMatchObject({
      failure: 'unsafe',
      message: expect.stringContaining(`${fresh.folder} is writable by everybody`),
    });
    await chmod(fresh.folder, 0o1777);
    await expect(state()).rejects.toMatchObject({failure: 'fenced'});
    await fresh.remove();
    if (!isRoot) return;
    const foreign = await Site.make(shell);
    spawnSync('chown', ['12345', foreign.root]);
    await expect(foreign.app.note({run: 'r', epoch: 1}, 'x', '')).rejects.toMatchObject({name: 'DroverError'});
    await foreign.remove();
  });

  it('keeps what a run needs: its plan, and values that hold any byte', async () => {
    const plan = `{"a":"ünï '\\"$(x)\`\\\\"}\n${'x'.repeat(200_000)}`;
    const fence = await lease('run-1', undefined, a, {plan});
    expect(await site.app.readPlan('run-1')).toBe(plan);
    await site.app.note(fence, 'draining', "it's  $(x) `y` \\n ü %s *");
    expect((await site.app.readState()).journal.at(-1)).toMatchObject({
      run: 'run-1',
      epoch: `${fence.epoch}`,
      event: 'draining',
      detail: "it's  $(x) `y` \\n ü %s *",
    });
    expect((await site.app.readState()).openRuns).toEqual(['run-1']);
    await site.app.release(fence, 'converged');
    expect((await site.app.readState()).openRuns).toEqual([]);
    await expect(site.app.readPlan('run-9')).rejects.toMatchObject({failure: 'missing'});
  });

  it('goes back by itself when nobody confirms, and runs the restart hook', async () => {
    await deploy('run-1', undefined, a);
    await site.own('out');
    const fence = await lease('run-2', a, b);
    const restart = `echo "$DROVER_APP $DROVER_RELEASE $DROVER_PREVIOUS $DROVER_RUN $(umask) $(cat name)" >${site.root}/out/mark`;
    await site.app.switchTo(fence, {from: a, to: b, confirmSeconds: 1, restart});
    expect(await site.live()).toBe(b);
    let mark = '';
    while (mark === '') {
      await sleep(50);
      mark = await readFile(site.at('out', 'mark'), 'utf8').catch(() => '');
    }
    expect(mark).toBe(`shop ${a} ${b} run-2 0022 a\n`);
    expect(await site.live()).toBe(a);
    expect((await site.events()).at(-1)).toBe(`reverted ${b} ${a}`);
    expect((await site.app.readState()).decisions.get('run-2')).toBe('reverted');
    await expect(site.app.confirm(fence, b)).rejects.toMatchObject({failure: 'reverted-itself'});
    expect(await site.app.revert(fence)).toMatchObject({changed: false, live: a, from: b});
    expect((await site.events()).filter((event) => event.startsWith('reverted'))).toHaveLength(1);
  });

  it('stays where another run has made the release its own', async () => {
    const first = await lease('run-1', undefined, a, {ttl: 0});
    await site.app.switchTo(first, {from: undefined, to: a, confirmSeconds: 2, restart: ''});
    const second = await lease('run-2', a, a);
    await site.app.switchTo(second, {from: a, to: a, confirmSeconds: 0, restart: ''});
    await site.app.confirm(second, a);
    await sleep(3500);
    expect(await site.live()).toBe(a);
    expect((await site.events()).at(-1)).toBe(`confirmed ${a}`);
  });

  it('arms the switch again where a reboot has ended it', async () => {
    await deploy('run-1', undefined, a);
    const fence = await lease('run-2', a, b);
    await site.app.switchTo(fence, {from: a, to: b, confirmSeconds: 300, restart: ''});
    await writeFile(site.at('.drover', 'runs', 'run-2', 'armed'), 'another boot\n');
    await site.app.switchTo(fence, {from: a, to: b, confirmSeconds: 1, restart: ''});
    while ((await site.events()).at(-1) !== `reverted ${b} ${a}`) await sleep(50);
    expect(await site.live()).toBe(a);
  });

  it('keeps what must not be removed', async () => {
    const ids = [a, b];
    for (let number = 0; number < 6; number++) ids.push(await site.stage({name: `more ${number}`}));
    await deploy('run-1', undefined, ids[0] as string);
    await deploy('run-2', ids[0], ids[1] as string);
    await lease('run-3', ids[1], ids[2] as string, {plan: `{"hosts":[{"to":"${ids[2]}"}]}`});
    await mkdir(site.at('.drover', 'incoming', 'old.tree', 'sub'), {recursive: true});
    if (shell.uid !== undefined) spawnSync('chown', ['-R', `${shell.uid}`, site.at('.drover', 'incoming')]);
    spawnSync('touch', ['-d', '2001-01-01', site.at('.drover', 'incoming', 'old.tree')]);
    const removed = await site.app.prune(2, [ids[3] as string]);
    expect([...removed].sort()).toEqual([ids[4], ids[5]].sort());
    expect([...(await site.app.readState()).releases].sort()).toEqual([ids[0], ids[1], ids[2], ids[3], ids[6], ids[7]].sort());
    expect(await readdir(site.at('.drover', 'incoming'))).toEqual([]);
    expect(await site.app.prune(2, [ids[3] as string])).toEqual([]);
    await Promise.all([0, 1, 2, 3, 6, 7].map((index) => site.app.verify(ids[index] as string)));
  });

  it('goes on behind a journal line that a power cut has torn', async () => {
    await deploy('run-1', undefined, a);
    const file = site.at('.drover', 'journal');
    await writeFile(file, `${await readFile(file, 'utf8')}2026-01-01T00:00:00Z 2 run-9 inte`);
    await deploy('run-2', a, b);
    expect((await site.app.readState()).journal.map(({event}) => event).slice(-5)).toEqual([
      'leased',
      'intent',
      'switched',
      'confirmed',
      'ended',
    ]);
  });
});

describe.skipIf(!isRoot)('a full disk', () => {
  it('does not keep a host from going back', async () => {
    const site = await Site.make();
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=755', 'full', site.root]);
    if (mounted.status !== 0) return site.remove();
    try {
      const a = await site.snapshot({name: 'a'});
      const b = await site.snapshot({name: 'b'});
      for (const id of [a, b]) {
        const delta = await site.delta(undefined, id);
        await mkdir(site.at('.drover', 'incoming'), {recursive: true, mode: 0o700});
        await mkdir(site.at('releases'), {recursive: true});
        const request = site.request(delta);
        await writeFile(
          site.at('.drover', 'incoming', `${id.slice(0, 16)}-${delta.digest.slice(0, 16)}.delta`),
          await readFile(delta.path),
        );
        await mkdir(site.at('.drover', 'manifests'), {recursive: true});
        await mkdir(site.at('.drover', 'runs'), {recursive: true});
        await site.app.stageCommit(request, {});
      }
      const epoch = await site.app.lease({run: 'run-1', owner: 'ana', reason: '', ttlSeconds, plan: '', from: undefined, to: a});
      const fence = {run: 'run-1', epoch};
      await site.app.switchTo(fence, {from: undefined, to: a, confirmSeconds: 0, restart: ''});
      await site.app.confirm(fence, a);
      const second = {run: 'run-2', epoch: 0};
      await site.app.release(fence, 'converged');
      second.epoch = await site.app.lease({run: 'run-2', owner: 'ana', reason: '', ttlSeconds, plan: '', from: a, to: b});
      await site.app.switchTo(second, {from: a, to: b, confirmSeconds: 0, restart: ''});
      spawnSync('sh', ['-c', 'cat /dev/zero >"$1"', 'sh', site.at('filler')]);
      await expect(site.app.note(second, 'draining', 'x'.repeat(10_000))).rejects.toMatchObject({failure: 'disk'});
      expect(await site.app.revert(second)).toEqual({changed: true, live: a, from: b});
      expect((await site.events()).at(-1)).toBe(`reverted ${b} ${a}`);
    } finally {
      spawnSync('umount', [site.root]);
      await site.remove();
    }
  });
});

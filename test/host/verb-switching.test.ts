import {spawnSync} from 'node:child_process';
import {chmod, mkdir, readdir, rm, symlink, unlink} from 'node:fs/promises';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import type {SnapshotId} from '../../src/lib/snapshot/manifest.js';
import {isRoot, type Shell, Site, shells} from './verb-site.js';

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

  it('V5: serves a release, confirms it, goes on to the next and back', async () => {
    await site.deploy('run-1', undefined, a);
    expect(await site.live()).toBe(a);
    const fence = await site.lease('run-2', a, b);
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
    const fence = await site.lease('run-1', undefined, a);
    await site.app.switchTo(fence, {from: undefined, to: a, confirmSeconds: 0, restart: ''});
    expect(await site.app.revert(fence)).toEqual({changed: true, live: undefined, from: a});
    expect(await site.live()).toBeUndefined();
  });

  it('takes nothing back that this run did not change', async () => {
    await site.deploy('run-1', undefined, a);
    const fence = await site.lease('run-2', b, a);
    expect(await site.app.revert(fence)).toMatchObject({changed: false, live: a});
    expect(await site.app.switchTo(fence, {from: b, to: a, confirmSeconds: 0, restart: ''})).toMatchObject({unchanged: true});
    expect(await site.app.revert(fence)).toEqual({changed: false, live: a, from: undefined});
    expect(await site.live()).toBe(a);
  });

  it('I8: takes back to what was proven here last where nobody had proved what was here before', async () => {
    const c = await site.stage({name: 'c'});
    await site.deploy('run-1', undefined, a);
    const dead = await site.lease('run-2', a, b, {ttl: 0});
    await site.app.switchTo(dead, {from: a, to: b, confirmSeconds: 0, restart: ''});
    const fence = await site.lease('run-3', b, c);
    await site.app.switchTo(fence, {from: b, to: c, confirmSeconds: 0, restart: ''});
    expect(await site.app.revert(fence)).toEqual({changed: true, live: a, from: c});
    expect(await site.app.revert(fence)).toEqual({changed: false, live: a, from: c});
    expect((await site.events()).at(-1)).toBe(`reverted ${c} ${a}`);
  });

  it('I8: takes nothing back where nothing was ever proven here, and says so', async () => {
    const dead = await site.lease('run-1', undefined, a, {ttl: 0});
    await site.app.switchTo(dead, {from: undefined, to: a, confirmSeconds: 0, restart: ''});
    const fence = await site.lease('run-2', a, b);
    await site.app.switchTo(fence, {from: a, to: b, confirmSeconds: 0, restart: ''});
    await expect(site.app.revert(fence)).rejects.toMatchObject({
      failure: 'missing',
      message: expect.stringContaining('was never healthy here, and no other one was') as string,
    });
    expect(await site.live()).toBe(b);
    await site.app.confirm(fence, b);
  });

  it('records a failed run that never came to its switch as reverted', async () => {
    await site.deploy('run-1', undefined, a);
    const fence = await site.lease('run-2', a, b);
    await site.app.switchTo(fence, {from: a, to: b, confirmSeconds: 0, restart: ''});
    spawnSync('ln', ['-sfn', `releases/${a}`, site.at('current')]);
    expect(await site.app.revert(fence)).toMatchObject({changed: false, live: a});
    expect((await site.events()).at(-1)).toBe(`reverted ${b} ${a}`);
  });

  it('D5: compares before it swaps', async () => {
    await site.deploy('run-1', undefined, a);
    await expect(site.lease('run-2', b, 'c'.repeat(64))).rejects.toMatchObject({
      failure: 'conflict',
      message: expect.stringContaining(`serves ${a}, the plan expects ${b}`),
    });
    expect(await readdir(site.at('.drover', 'runs'))).toEqual(['run-1']);
    const fence = await site.lease('run-2', a, b);
    await expect(site.app.switchTo(fence, {from: undefined, to: b, confirmSeconds: 0, restart: ''})).rejects.toMatchObject({
      failure: 'conflict',
    });
    await expect(site.app.switchTo(fence, {from: a, to: 'd'.repeat(64), confirmSeconds: 0, restart: ''})).rejects.toMatchObject({
      failure: 'missing',
    });
    await expect(site.app.confirm(fence, b)).rejects.toMatchObject({failure: 'conflict'});
    expect(await site.live()).toBe(a);
  });

  it('T13: touches no `current` that it did not make', async () => {
    const fence = await site.lease('run-1', undefined, a);
    const move = {from: undefined, to: a, confirmSeconds: 0, restart: ''};
    for (const [make, words] of [
      [() => mkdir(site.at('current')), 'is not a link'],
      [() => symlink('/etc', site.at('current')), 'points to /etc, not to a release'],
      [() => symlink(`releases/${a}/..`, site.at('current')), 'not to a release'],
      [() => symlink('releases/', site.at('current')), 'not to a release'],
    ] as const) {
      await make();
      expect((await site.app.readState()).unsafe).toContain(words);
      for (const change of [() => site.app.switchTo(fence, move), () => site.app.revert(fence), () => site.lease('run-1', undefined, a)]) {
        await expect(change()).rejects.toMatchObject({failure: 'unsafe', message: expect.stringContaining(words)});
      }
      await rm(site.at('current'), {recursive: true});
    }
    await symlink(`releases/${'e'.repeat(64)}`, site.at('current'));
    expect((await site.app.readState()).unsafe).toContain('a release that is gone');
    await unlink(site.at('current'));
    await site.app.switchTo(fence, move);
  });

  it('T13: refuses folders that others could have planted', async () => {
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
});

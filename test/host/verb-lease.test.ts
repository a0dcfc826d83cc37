import {spawnSync} from 'node:child_process';
import {readdir, readFile, rm, writeFile} from 'node:fs/promises';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import type {SnapshotId} from '../../src/lib/snapshot/manifest.js';
import {type Shell, Site, shells} from './verb-site.js';

describe.each(shells)('the lease under $name', (shell: Shell) => {
  let site: Site;
  let a: SnapshotId;
  let b: SnapshotId;
  beforeEach(async () => {
    site = await Site.make(shell);
    a = await site.stage({name: 'a'});
    b = await site.stage({name: 'b'});
  });
  afterEach(() => site.remove());

  it('gives the lease to one run at a time, and says who has it', async () => {
    const fence = await site.lease('run-1', undefined, a);
    const held = site.lease('run-2', undefined, a);
    await expect(held).rejects.toMatchObject({
      failure: 'leased',
      code: 'leased',
      body: expect.stringMatching(/lease-run run-1\nlease-owner ana\nlease-reason deploy "b"; \$\(x\)\nlease-left (60|59)\n/),
    });
    expect((await site.app.readState()).lease).toMatchObject({run: 'run-1', owner: 'ana', reason: 'deploy "b"; $(x)'});
    await site.app.renew(fence, 60);
    await site.app.release(fence, undefined);
    expect((await site.app.readState()).lease).toBeUndefined();
    await expect(site.app.renew(fence, 60)).rejects.toMatchObject({failure: 'fenced'});
    expect((await site.lease('run-2', undefined, a)).epoch).toBe(fence.epoch + 1);
    await expect(site.app.release(fence, 'late')).rejects.toMatchObject({failure: 'fenced'});
  });

  it('D2 F4 I6: fences every change of an owner that was taken over', async () => {
    const old = await site.lease('run-1', undefined, a, {ttl: 0});
    const fence = await site.lease('run-2', undefined, b);
    const move = {from: undefined, to: a, confirmSeconds: 0, restart: 'echo old'};
    for (const change of [
      () => site.app.switchTo(old, move),
      () => site.app.confirm(old, a),
      () => site.app.revert(old),
      () => site.app.renew(old, 60),
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
    const again = await site.lease('run-2', undefined, b);
    await expect(site.app.note(fence, 'draining', '')).rejects.toMatchObject({failure: 'fenced'});
    await site.app.note(again, 'draining', '');
  });

  it('lets a lease end with the boot that it was given in', async () => {
    await site.lease('run-1', undefined, a);
    const file = site.at('.drover', 'lease');
    await writeFile(file, (await readFile(file, 'utf8')).replace(/boot=.*/, 'boot=another'));
    expect((await site.app.readState()).lease).toMatchObject({run: 'run-1', leftSeconds: 0});
    await site.lease('run-2', undefined, a);
  });

  it('F6: does not begin anew where its state was removed', async () => {
    const fence = await site.lease('run-1', undefined, a);
    await rm(site.at('.drover', 'epoch'));
    await expect(site.app.switchTo(fence, {from: undefined, to: a, confirmSeconds: 0, restart: ''})).rejects.toMatchObject({
      failure: 'fenced',
    });
    spawnSync('rm', ['-rf', site.at('.drover')]);
    await expect(site.app.renew(fence, 60)).rejects.toMatchObject({failure: 'fenced'});
    await expect(site.app.note(fence, 'draining', '')).rejects.toMatchObject({failure: 'fenced'});
  });

  it('XP10 F7: is ended by its id and epoch alone, and a live one only by a takeover that fences its owner', async () => {
    const fence = await site.lease('run-1', undefined, a);
    const end = (run: string, epoch: number, takeover = false): Promise<boolean> =>
      site.app.endLease({run, epoch, owner: 'bob', reason: 'ana is away', takeover});
    await expect(end('run-2', fence.epoch, true)).rejects.toMatchObject({failure: 'leased', code: 'leased'});
    await expect(end('run-1', fence.epoch)).rejects.toMatchObject({failure: 'leased', message: expect.stringContaining('alive')});
    // Its run was resumed since somebody looked: another lease, however the run is called.
    const again = await site.lease('run-1', undefined, a);
    await expect(end('run-1', fence.epoch, true)).rejects.toMatchObject({failure: 'leased'});
    await site.app.renew(again, 60);
    const {lease} = await site.app.readState();
    expect(lease).toMatchObject({epoch: again.epoch, since: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:]+Z$/)});
    expect(lease?.silentSeconds).toBeLessThan(10);
    expect(await end('run-1', again.epoch, true)).toBe(true);
    expect((await site.events()).at(-1)).toBe('lease-ended bob: ana is away');
    expect(await end('run-1', again.epoch, true)).toBe(false);
    await expect(site.app.note(again, 'draining', '')).rejects.toMatchObject({failure: 'fenced'});
    await expect(site.app.renew(again, 60)).rejects.toMatchObject({failure: 'fenced'});
    const expired = await site.lease('run-3', undefined, a, {ttl: 0});
    expect(await end('run-3', expired.epoch)).toBe(true);
  });

  it('T4: keeps what a run needs: its plan, and values that hold any byte', async () => {
    const plan = `{"a":"ünï '\\"$(x)\`\\\\"}\n${'x'.repeat(200_000)}`;
    const fence = await site.lease('run-1', undefined, a, {plan});
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
});

import {readdir} from 'node:fs/promises';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import type {Fence} from '../../src/lib/host/fence.js';
import type {LeaseRequest} from '../../src/lib/host/lease-request.js';
import type {SnapshotId} from '../../src/lib/snapshot/manifest.js';
import {type Shell, Site, shells} from './verb-site.js';

const nonce = 'c0ffee00'.repeat(4);

describe.each(shells)('a reviewed plan under $name', (shell: Shell) => {
  let site: Site;
  let a: SnapshotId;
  let b: SnapshotId;
  beforeEach(async () => {
    site = await Site.make(shell);
    a = await site.stage({name: 'a'});
    b = await site.stage({name: 'b'});
    await site.deploy('run-1', undefined, a);
  });
  afterEach(() => site.remove());

  const takeUp = async (run: string, epoch: number, more: Partial<LeaseRequest> = {}): Promise<Fence> => ({
    run,
    epoch: await site.app.lease({
      ...{run, owner: 'ana', reason: '', ttlSeconds: 60, plan: '{}', from: a, to: b, review: {nonce, epoch}},
      ...more,
    }),
  });

  it('F9: is taken up once on a host, and the second run hears who did it when', async () => {
    const {epoch} = await site.app.readState();
    const fence = await takeUp('run-2', epoch);
    await site.app.switchTo(fence, {from: a, to: b, confirmSeconds: 0, restart: ''});
    await site.app.confirm(fence, b);
    await site.app.release(fence, 'converged');
    await expect(takeUp('run-3', epoch + 1)).rejects.toMatchObject({
      failure: 'applied',
      code: 'refused',
      message: expect.stringMatching(/the plan was applied at \d{4}-\d\d-\d\dT[\d:]+Z by ana \(run run-2\)$/),
    });
    expect((await site.app.readState()).plans).toMatchObject([{nonce, run: 'run-2', owner: 'ana', againFrom: undefined}]);
    expect(await readdir(site.at('.drover', 'runs'))).not.toContain('run-3');
  });

  it('T22: is not replayed once the host has gone back to where the plan began', async () => {
    const {epoch} = await site.app.readState();
    await site.deploy('run-2', a, b);
    await site.deploy('run-3', b, a);
    await expect(takeUp('run-4', epoch)).rejects.toMatchObject({failure: 'stale', message: expect.stringContaining('epoch 3, not 1')});
    expect((await site.app.readState()).plans).toEqual([]);
  });

  it('is refused by a host that serves something else, even what the plan leads to', async () => {
    await site.deploy('run-2', a, b);
    const {epoch} = await site.app.readState();
    await expect(takeUp('run-3', epoch)).rejects.toMatchObject({failure: 'stale', message: expect.stringContaining('the plan expects')});
  });

  it('belongs to its run: a retried call and a resumed run go on with it', async () => {
    const {epoch} = await site.app.readState();
    await takeUp('run-2', epoch);
    const again = await takeUp('run-2', epoch);
    await site.app.switchTo(again, {from: a, to: b, confirmSeconds: 0, restart: ''});
    await site.app.release(again, undefined);
    await expect(takeUp('run-3', epoch)).rejects.toMatchObject({failure: 'applied'});
    const resumed = await takeUp('run-2', epoch);
    await site.app.confirm(resumed, b);
  });

  it('may be taken up again after runs that were refused elsewhere and changed nothing here', async () => {
    const {epoch} = await site.app.readState();
    await site.app.release(await takeUp('run-2', epoch), 'refused');
    // This one gave the lease back before it knew how it would end.
    await site.app.release(await takeUp('run-3', epoch), undefined);
    await site.app.closeRun('run-3', 'refused');
    await site.app.release(await takeUp('run-4', epoch), undefined);
    // Not once somebody else had the host in between.
    await site.app.release(await site.lease('run-5', a, b), 'refused');
    await site.app.closeRun('run-4', 'refused');
    await expect(takeUp('run-6', epoch)).rejects.toMatchObject({failure: 'applied'});
  });

  it('is not used up by a run that died, or lost the host, before it changed anything here', async () => {
    const {epoch} = await site.app.readState();
    await takeUp('run-2', epoch, {ttlSeconds: 0});
    const dead = await takeUp('run-3', epoch, {ttlSeconds: 60});
    await site.app.endLease({run: 'run-3', epoch: dead.epoch, owner: 'bob', reason: 'dead', takeover: true});
    const fence = await takeUp('run-4', epoch, {ttlSeconds: 0});
    await site.app.switchTo(fence, {from: a, to: b, confirmSeconds: 0, restart: ''});
    await site.app.switchTo(fence, {from: a, to: b, confirmSeconds: 0, restart: ''});
    await expect(takeUp('run-5', epoch)).rejects.toMatchObject({failure: 'applied'});
  });

  it('F9: of two runs that take it up in the same moment one gets it', async () => {
    const {epoch} = await site.app.readState();
    for (let round = 0; round < 3; round++) {
      const one = `${round}d`.repeat(16);
      const take = (run: string): Promise<Fence> => takeUp(run, epoch + round, {review: {nonce: one, epoch: epoch + round}});
      const ends = await Promise.allSettled([take(`run-${round}-a`), take(`run-${round}-b`)]);
      const fences = ends.flatMap((end) => (end.status === 'fulfilled' ? [end.value] : []));
      expect(fences).toHaveLength(1);
      await site.app.release(fences[0] as Fence, 'done');
    }
  });
});

import {spawnSync} from 'node:child_process';
import {createReadStream} from 'node:fs';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import {HostApp} from '../../src/lib/host/host-app.js';
import {VerbError} from '../../src/lib/host/verb-call.js';
import type {SnapshotId} from '../../src/lib/snapshot/manifest.js';
import {copiesOf} from './copies-of.js';
import {linkWith, type Shell, Site, shells} from './verb-site.js';

const spec = (version: number): Record<string, string> => ({
  ...Object.fromEntries(Array.from({length: 40}, (_, index) => [`d${index % 5}/f${index}`, `same ${index}`])),
  version: `${version}`,
  [`only-${version}/x`]: 'x',
});

const canTrace = spawnSync('strace', ['-f', '-qq', '-o', '/dev/null', 'true']).status === 0;

async function expectFailure(work: Promise<unknown>): Promise<void> {
  await work.catch((error: unknown) => {
    if (!(error instanceof VerbError)) throw error;
  });
}

describe.each(shells.filter(({name, uid}) => name !== 'bash' && uid === undefined))(
  'a host whose verbs are killed, under $name',
  (shell: Shell) => {
    let site: Site;
    let base: SnapshotId;
    const copy = copiesOf(async () => {
      const made = await Site.make(shell);
      base = await made.stage(spec(0));
      return made;
    });
    beforeEach(async () => {
      site = await copy();
    });
    afterEach(() => site.remove());

    /** Every release that the host calls complete is, and so is what it serves. */
    async function expectComplete(): Promise<void> {
      const {releases, live, unsafe} = await site.app.readState();
      expect(unsafe).toBeUndefined();
      for (const id of releases) await site.app.verify(id);
      if (live !== undefined) expect(releases).toContain(live);
    }

    /** The app over a link that kills the verb's processes after `ms`. */
    const dyingAfter = (ms: number): HostApp => new HostApp(site.link, site.root, 'shop', AbortSignal.timeout(ms));
    /** The app over a link whose every program fails at its nth `call`. */
    const failingAt = (call: string, nth: number): HostApp =>
      site.appOver(
        linkWith(shell, {
          wrap: ['strace', '-f', '-qq', '-o', '/dev/null', '-e', `trace=${call}`, '-e', `inject=${call}:error=EIO:when=${nth}`],
        }),
      );

    /** One release staged by an app that may fail in the middle, then by one that does not. */
    async function stageTwice(version: number, failing: HostApp): Promise<SnapshotId> {
      const id = await site.snapshot(spec(version));
      const delta = await site.delta(base, id);
      const request = site.request(delta);
      await site.app.stageOpen(request);
      await site.app.stagePut(request, 0, createReadStream(delta.path), {idleMs: 10_000, totalMs: 10_000});
      await expectFailure(failing.stageCommit(request, {uploads: 'shared/uploads'}));
      await expectComplete();
      await site.send(id, {base, links: {uploads: 'shared/uploads'}});
      await site.app.verify(id);
      return id;
    }

    it('stages a release however often unpacking is killed', async () => {
      for (let step = 1; step <= 8; step++) {
        await stageTwice(step, dyingAfter(step * 24));
        await expectFailure(dyingAfter(step * 9).prune(2, [base]));
        await expectComplete();
        await site.app.prune(2, [base]);
      }
      expect((await site.app.readState()).releases.length).toBeLessThanOrEqual(3);
    }, 600_000);

    it('serves the old or the new release however often switching is killed', async () => {
      const other = await site.stage(spec(1));
      let from: string | undefined;
      for (let step = 1; step <= 8; step++) {
        const to = from === base ? other : base;
        const run = `run-${step}`;
        const lease = (app: HostApp): Promise<number> => app.lease({run, owner: 'ana', reason: '', ttlSeconds: 60, plan: 'p', from, to});
        await expectFailure(lease(dyingAfter(step * 6)));
        const fence = {run, epoch: await lease(site.app)};
        const move = {from, to, confirmSeconds: 0, restart: 'true'};
        await expectFailure(dyingAfter(step * 9).switchTo(fence, move));
        await expectComplete();
        expect([from, to]).toContain(await site.live());
        await site.app.switchTo(fence, move);
        expect(await site.live()).toBe(to);
        await expectFailure(dyingAfter(step * 6).confirm(fence, to));
        await site.app.confirm(fence, to);
        if (step % 2 === 0) {
          await expectFailure(dyingAfter(step * 9).revert(fence));
          await expectComplete();
          await site.app.revert(fence);
          expect(await site.live()).toBe(from);
        } else {
          from = to;
        }
        await site.app.release(fence, 'done');
      }
    }, 600_000);

    it.skipIf(!canTrace || shell.name !== 'dash')(
      'stays whole when the disk fails under any of its programs',
      async () => {
        let version = 100;
        let from: string | undefined;
        for (const call of [
          'rename,renameat,renameat2',
          'symlink,symlinkat',
          'link,linkat',
          'mkdir,mkdirat',
          'unlink,unlinkat',
          'chmod,fchmod,fchmodat',
          'fsync,fdatasync,syncfs',
        ]) {
          for (const nth of [1, 2]) {
            const to: SnapshotId = await stageTwice(++version, failingAt(call, nth));
            const fence = {
              run: `run-${version}`,
              epoch: await site.app.lease({run: `run-${version}`, owner: 'ana', reason: '', ttlSeconds: 60, plan: 'p', from, to}),
            };
            const move = {from, to, confirmSeconds: 0, restart: ''};
            await expectFailure(failingAt(call, nth).switchTo(fence, move));
            await expectComplete();
            await site.app.switchTo(fence, move);
            expect(await site.live()).toBe(to);
            await site.app.confirm(fence, to);
            await site.app.release(fence, 'done');
            // Else every release of every round would be proved again in each.
            await site.app.prune(2, [base]);
            from = to;
          }
        }
      },
      600_000,
    );
  },
);

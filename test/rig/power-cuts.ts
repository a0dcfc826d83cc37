import {execFile} from 'node:child_process';
import {cp} from 'node:fs/promises';
import path from 'node:path';
import {promisify} from 'node:util';
import {DroverError} from '../../src/lib/errors/drover-error.js';
import type {SnapshotId} from '../../src/lib/snapshot/manifest.js';
import type {Delta} from '../../src/lib/snapshot/store.js';
import {type DyingShell, makeDyingShell} from '../delivery/dying-shell.js';
import {Site} from '../host/verb-site.js';
import {never, openStore, snap, withFolder} from '../snapshot/fixture.js';
import {write} from '../snapshot/store-fixture.js';
import {type FileSystem, type LastWrite, LoopDisk} from './loop-disk.js';

const run = promisify(execFile);
const saver = path.join(import.meta.dirname, '..', 'snapshot', 'save-until-killed.ts');

/** Something that changes a disk in steps. Every cut throws on a violation, and leaves all as if it had not been. */
export interface CutWork {
  /** Steps that can be cut before; a cut at a later one comes after all was reported done. */
  readonly steps: number;
  /** Does the work with a power cut just before that step, judges what is there then, and does the work to its end. */
  cutAt(step: number): Promise<void>;
  remove(): Promise<void>;
}

/** Where and how the power goes. */
export interface PowerCut {
  readonly system: FileSystem;
  readonly last: LastWrite;
}

function demand(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

/** A host that serves a release, on a disk whose power can be cut before every program that its verbs start. */
class CutHost {
  private constructor(
    readonly site: Site,
    readonly dying: DyingShell,
    readonly disk: LoopDisk,
    readonly last: LastWrite,
    readonly base: SnapshotId,
    readonly next: SnapshotId,
    readonly delta: Delta,
  ) {}

  static async make({system, last}: PowerCut): Promise<CutHost> {
    const dying = await makeDyingShell();
    const site = await Site.make(dying.shell);
    const disk = LoopDisk.make(site.root, system);
    await dying.dieWith(disk.cutCommand(last));
    const same = Object.fromEntries(Array.from({length: 12}, (_, index) => [`same/${index}`, `file ${index}\n`.repeat(300)]));
    const base = await site.stage({...same, version: 'one', gone: 'x'});
    await site.deploy('run-0', undefined, base);
    const next = await site.snapshot({...same, version: 'two', 'more/file': 'new\n'.repeat(3000), link: {to: 'version'}});
    return new CutHost(site, dying, disk, last, base, next, await site.delta(base, next));
  }

  /** Programs that `work` starts. */
  async count(work: () => Promise<unknown>): Promise<number> {
    await this.dying.spare();
    await work();
    return this.dying.steps();
  }

  /** Does `work` until the power goes before that step, and comes back up. Gives whether all of the work was reported done. */
  async interrupt(step: number, work: () => Promise<unknown>): Promise<boolean> {
    await this.dying.killAt(step);
    const done = await work().then(
      () => true,
      (error: unknown) => {
        if (error instanceof DroverError) return false;
        throw error;
      },
    );
    const cut = this.dying.hasDied();
    await this.dying.spare();
    demand(!(done && cut), 'something was reported done without power');
    if (!cut) this.disk.cut(this.last);
    await this.disk.restart();
    return done;
  }

  /** I1: what is live is one of these, whole, and so is every release that the host calls complete. */
  async judge(allowed: readonly SnapshotId[]): Promise<readonly string[]> {
    const {releases, live, unsafe} = await this.site.app.readState();
    demand(unsafe === undefined, `current is unsafe: ${unsafe}`);
    demand(
      allowed.some((id) => id === live),
      `serves ${live}`,
    );
    demand(releases.includes(live ?? ''), `what is live is not among ${releases}`);
    for (const release of releases) await this.site.app.verify(release);
    const kept = await this.site.events();
    demand(kept.includes(`confirmed ${this.base}`), 'the journal lost what was durable');
    return releases;
  }

  async remove(): Promise<void> {
    await this.disk.remove();
    await this.site.remove();
    await this.dying.remove();
  }
}

/** Staging: stage-open, stage-put, unpacking, sealing, the commit. */
export async function openStaging(power: PowerCut): Promise<CutWork> {
  const host = await CutHost.make(power);
  const {site, base, next} = host;
  const stage = (): Promise<unknown> => site.send(next, {base});
  const steps = await host.count(stage);
  await site.app.discard(next);
  return {
    steps,
    async cutAt(step) {
      const done = await host.interrupt(step, stage);
      const releases = await host.judge([base]);
      demand(!done || releases.includes(next), 'what was reported staged is gone');
      await stage();
      await site.app.verify(next);
      await site.app.discard(next);
    },
    remove: () => host.remove(),
  };
}

/** A switch: lease, switch, confirm, the end of the lease; there and back again by turns. */
export async function openSwitching(power: PowerCut): Promise<CutWork> {
  const host = await CutHost.make(power);
  const {site} = host;
  await site.send(host.next, {base: host.base});
  let [from, to] = [host.base, host.next];
  let runs = 0;
  const deploy = (): Promise<void> => site.deploy(`run-${runs}`, from, to);
  const turn = (): void => {
    [from, to] = [to, from];
    runs += 1;
  };
  runs += 1;
  const steps = await host.count(deploy);
  turn();
  return {
    steps,
    async cutAt(step) {
      let switched = false;
      const done = await host.interrupt(step, async () => {
        const fence = await site.lease(`run-${runs}`, from, to);
        await site.app.switchTo(fence, {from, to, confirmSeconds: 0, restart: ''});
        switched = true;
        await site.app.confirm(fence, to);
        await site.app.release(fence, 'converged');
      });
      await host.judge([from, to]);
      demand(!switched || (await site.live()) === to, 'what was reported switched has gone back');
      demand(!done || (await site.events()).includes(`confirmed ${to}`), 'what was reported confirmed is not in the journal');
      await deploy();
      demand((await site.live()) === to, 'the run cannot be finished');
      await host.judge([to]);
      turn();
    },
    remove: () => host.remove(),
  };
}

/** Saving a snapshot into the operator's store, where every change to the file system is a step. */
export async function openSaving({system, last}: PowerCut): Promise<CutWork> {
  const site = await Site.make();
  const disk = LoopDisk.make(site.root, system);
  const store = site.at('store');
  let saves = 0;
  const renew = (): string => {
    saves += 1;
    const files = Object.fromEntries(Array.from({length: 8}, (_, index) => [`d/${index}`, `content ${index}`]));
    return write(site.folder, {...files, own: `of save ${saves}`, [`d/${saves}`]: 'moved', large: `save ${saves}\n`.repeat(700_000)});
  };
  /** Gives how many steps it took; undefined when the power went. */
  const save = async (limit: number): Promise<number | undefined> => {
    const words = ['--import', 'tsx', saver, renew(), store, String(limit), ...disk.cutCommand(last)];
    try {
      return Number((await run(process.execPath, words)).stdout);
    } catch (error) {
      if ((error as {signal?: string}).signal === 'SIGKILL') return undefined;
      throw error;
    }
  };
  await save(Number.MAX_SAFE_INTEGER);
  const steps = (await save(Number.MAX_SAFE_INTEGER)) ?? 0;
  let known = 2;
  return {
    steps,
    async cutAt(step) {
      const done = (await save(step)) !== undefined;
      if (done) disk.cut(last);
      await disk.restart();
      // A copy: whoever looks at a store keeps files of it open, which a disk that is to go again cannot bear.
      await withFolder(async (folder) => {
        await cp(store, path.join(folder, 'store'), {recursive: true, preserveTimestamps: true});
        const there = await openStore(folder).list();
        demand(
          there.length === known + 1 || (there.length === known && !done),
          `${there.length} snapshots of ${known} and one, done: ${done}`,
        );
        const damaged = await openStore(folder).verify(undefined, never);
        demand(damaged.length === 0, `damaged: ${JSON.stringify(damaged)}`);
        known = there.length;
        const {record} = await snap(folder, path.join(site.folder, 'source'));
        demand((await openStore(folder).verify(undefined, never)).length === 0, 'damaged after another save');
        demand(
          (await openStore(folder).list()).some(({id}) => id === record.id),
          'another save is not there',
        );
      });
    },
    async remove() {
      await disk.remove();
      await site.remove();
    },
  };
}

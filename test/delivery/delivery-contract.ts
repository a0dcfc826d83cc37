import {mkdir, mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {VerbError} from '../../src/lib/host/verb-call.js';
import type {SnapshotId} from '../../src/lib/snapshot/manifest.js';
import type {Delta} from '../../src/lib/snapshot/store.js';
import {listIncoming, Site} from '../host/verb-site.js';
import {build, type Nodes, tree, twoTrees} from '../snapshot/fixture.js';
import {makeDyingShell} from './dying-shell.js';
import {writeFiles} from './many-files.js';
import {describeRelease, describeSource} from './release-tree.js';

/** What came to a host: nothing, because it has the release, or so many bytes by the way that was opened. */
export type Came = {readonly kind: 'unchanged'} | {readonly kind: 'staged'; readonly cameBytes: number; readonly resumedBytes: number};

/** One way to bring a delta to a host, as the contract sees it. */
export interface Way {
  /**
   * Brings `delta` to `site` through `site.link`. With `cutAfterBytes` the transfer ends without a word once the host has that many bytes of
   * the delta, counted from its start, and the promise rejects.
   */
  send(site: Site, delta: Delta, more?: {readonly cutAfterBytes?: number}): Promise<Came>;
  close(): Promise<void>;
}

/** Where the part of a delta lies on a host, whatever the way it came. */
export function partOf(site: Site, delta: Delta): string {
  return site.at('.drover', 'incoming', `${delta.snapshot.slice(0, 16)}-${delta.digest.slice(0, 16)}.delta`);
}

/** How much is tried: so many trees, files of a large one, flips along the delta, and every how manyth program to be killed before. */
interface Effort {
  readonly trees: number;
  readonly files: number;
  readonly flips: number;
  readonly stride: number;
}

const everything: Effort = {trees: 10, files: 2000, flips: 16, stride: 1};

/** What every way to send must keep. All of it takes minutes: `npm run prove:delivery` tries everything, the usual run what is `usual`. */
export function describeDelivery(
  name: string,
  open: () => Promise<Way>,
  {missing, usual = {}}: {readonly missing?: string | undefined; readonly usual?: Partial<Effort>} = {},
): void {
  const {trees, files, flips, stride} = process.env.EVERY_STEP === '1' ? everything : {...everything, stride: 7, ...usual};
  describe.skipIf(missing !== undefined)(`sending ${name}${missing === undefined ? '' : ` (${missing})`}`, () => {
    let way: Way;
    let folder: string;
    beforeAll(async () => {
      way = await open();
      folder = await mkdtemp(path.join(tmpdir(), 'drover-delivery-'));
    });
    afterAll(async () => {
      await way?.close();
      await rm(folder, {recursive: true, force: true});
    });

    async function withSite<Result>(work: (site: Site) => Promise<Result>): Promise<Result> {
      const site = await Site.make();
      try {
        return await work(site);
      } finally {
        await site.remove();
      }
    }

    async function snapshot(site: Site, nodes: Nodes, name: string): Promise<{id: SnapshotId; source: string}> {
      const source = path.join(site.folder, name);
      build(source, nodes);
      return {id: await site.snapshotOf(source), source};
    }

    /** Many bytes that do not compress, in files of several sizes. */
    const bulky = (site: Site, salt: string): Promise<SnapshotId> =>
      site.snapshot(Object.fromEntries([1, 300, 9000, 40_000].map((count) => [`files/${count}`, scramble(count, salt)])));

    const expectNothing = async (site: Site): Promise<void> => expect((await site.app.readState()).releases).toEqual([]);

    it('brings any tree as the same tree, byte for byte and mode for mode', async () => {
      await fc.assert(
        fc.asyncProperty(tree, (nodes) =>
          withSite(async (site) => {
            const {id, source} = await snapshot(site, nodes, 'source');
            expect(await way.send(site, await site.delta(undefined, id))).toMatchObject({kind: 'staged', resumedBytes: 0});
            expect(await describeRelease(site.at('releases', id))).toEqual(await describeSource(source));
            expect(await listIncoming(site)).toEqual([]);
            await site.app.verify(id);
          }),
        ),
        {numRuns: trees},
      );
    }, 300_000);

    it('brings the second of any two trees by what it has more than the first, and leaves the first as it was', async () => {
      await fc.assert(
        fc.asyncProperty(twoTrees, ([before, after]) =>
          withSite(async (site) => {
            const [a, b] = [await snapshot(site, before, 'a'), await snapshot(site, after, 'b')];
            await way.send(site, await site.delta(undefined, a.id));
            await way.send(site, await site.delta(a.id, b.id));
            expect(await describeRelease(site.at('releases', b.id))).toEqual(await describeSource(b.source));
            expect(await describeRelease(site.at('releases', a.id))).toEqual(await describeSource(a.source));
            await site.app.verify(a.id);
            await site.app.verify(b.id);
          }),
        ),
        {numRuns: trees},
      );
    }, 300_000);

    it(`E9: brings ${files} files, empty ones among them, and of a second release of them what has changed`, async () => {
      await withSite(async (site) => {
        const source = path.join(site.folder, 'many');
        await writeFiles(source, files);
        const base = await site.snapshotOf(source);
        await way.send(site, await site.delta(undefined, base));
        await writeFile(path.join(source, '1', '13'), 'changed\n');
        const id = await site.snapshotOf(source);
        const delta = await site.delta(base, id);
        expect(delta.bytes).toBeLessThan(4096);
        await way.send(site, delta);
        expect(await describeRelease(site.at('releases', id))).toEqual(await describeSource(source));
      });
    }, 300_000);

    it('finds a bit that was flipped anywhere on the way, keeps nothing of it, and brings the good one after that', async () => {
      await withSite(async (site) => {
        const delta = await site.delta(undefined, await bulky(site, 'flip'));
        const good = await readFile(delta.path);
        const bad = path.join(folder, 'flipped');
        for (let step = 0; step <= flips; step++) {
          const at = Math.min(delta.bytes - 1, Math.floor((delta.bytes * step) / flips));
          const bytes = Buffer.from(good);
          bytes[at] = (bytes[at] ?? 0) ^ (1 << (step % 8));
          await writeFile(bad, bytes);
          await expect(way.send(site, {...delta, path: bad}), `byte ${at}`).rejects.toMatchObject({code: 'integrity'});
          await expectNothing(site);
          expect((await listIncoming(site)).filter((name) => name.endsWith('.delta'))).toEqual([]);
        }
        expect(await way.send(site, delta)).toMatchObject({kind: 'staged'});
        await site.app.verify(delta.snapshot);
      });
    }, 120_000);

    it('finds a delta that is cut short or goes on behind its end', async () => {
      await withSite(async (site) => {
        const delta = await site.delta(undefined, await bulky(site, 'length'));
        const good = await readFile(delta.path);
        const bad = path.join(folder, 'length');
        for (const bytes of [good.subarray(0, 1), good.subarray(0, -1), Buffer.concat([good, Buffer.from('more')])]) {
          await writeFile(bad, bytes);
          await expect(way.send(site, {...delta, path: bad})).rejects.toBeInstanceOf(Error);
          await expectNothing(site);
        }
        expect(await way.send(site, delta)).toMatchObject({kind: 'staged'});
      });
    }, 60_000);

    it('continues from the verified prefix after a cut at every N bytes', async () => {
      await withSite(async (site) => {
        const delta = await site.delta(undefined, await bulky(site, 'cut'));
        const cuts = [1, ...Array.from({length: 7}, (_, index) => Math.floor((delta.bytes * (index + 1)) / 8)), delta.bytes - 1];
        for (const bytes of cuts) {
          await expect(way.send(site, delta, {cutAfterBytes: bytes}), `cut at ${bytes}`).rejects.toBeInstanceOf(Error);
          await expectNothing(site);
        }
        const sent = await way.send(site, delta);
        if (sent.kind !== 'staged') throw new Error('nothing was sent');
        expect(sent.resumedBytes).toBeGreaterThan(0);
        expect(sent.cameBytes + sent.resumedBytes).toBe(delta.bytes);
        await site.app.verify(delta.snapshot);
      });
    }, 120_000);

    it('does not continue a part that is not a prefix of the delta', async () => {
      await withSite(async (site) => {
        const delta = await site.delta(undefined, await bulky(site, 'prefix'));
        const foreign = Buffer.from(await readFile(delta.path)).subarray(0, Math.floor(delta.bytes / 2));
        foreign[100] = (foreign[100] ?? 0) ^ 4;
        await mkdir(path.dirname(partOf(site, delta)), {recursive: true, mode: 0o700});
        for (const bytes of [foreign, Buffer.alloc(delta.bytes + 9, 'x')]) {
          await writeFile(partOf(site, delta), bytes);
          expect(await way.send(site, delta)).toMatchObject({kind: 'staged', resumedBytes: 0});
          await site.app.verify(delta.snapshot);
          await site.app.discard(delta.snapshot);
        }
      });
    }, 60_000);

    it('leaves nothing or a whole release when the receiving shell is killed before one of its steps', async () => {
      const dying = await makeDyingShell();
      const site = await Site.make(dying.shell);
      try {
        const base = await bulky(site, 'kill');
        const id = await site.snapshot({'files/1': 'new', 'files/300': scramble(300, 'kill'), more: {to: 'files'}});
        await dying.spare();
        await way.send(site, await site.delta(undefined, base));
        const delta = await site.delta(base, id);
        await way.send(site, delta);
        const steps = await dying.steps();
        await site.app.discard(id);
        for (let step = 1; step <= steps; step += stride) {
          await dying.killAt(step);
          await way.send(site, delta).catch((error: unknown) => {
            if (!(error instanceof VerbError)) throw error;
          });
          await dying.spare();
          const {releases} = await site.app.readState();
          expect([...releases].sort(), `step ${step}`).toEqual((releases.includes(id) ? [base, id] : [base]).sort());
          for (const release of releases) await site.app.verify(release);
          expect((await way.send(site, delta)).kind, `after step ${step}`).toBe(releases.includes(id) ? 'unchanged' : 'staged');
          await site.app.discard(id);
        }
        expect(steps).toBeGreaterThan(20);
      } finally {
        await site.remove();
        await dying.remove();
      }
    }, 600_000);
  });
}

/** `count` lines that hardly compress; the same for the same salt. */
function scramble(count: number, salt: string): string {
  let state = [...salt].reduce((sum, letter) => Math.imul(sum, 31) + letter.charCodeAt(0), count) | 1;
  const lines: string[] = [];
  for (let line = 0; line < count; line++) {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + line;
    lines.push((state >>> 0).toString(36));
  }
  return lines.join('\n');
}

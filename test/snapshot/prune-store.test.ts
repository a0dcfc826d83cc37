import fs from 'node:fs';
import {describe, expect, it} from 'vitest';
import type {SnapshotId} from '../../src/lib/snapshot/manifest.js';
import {holdStore} from '../../src/lib/snapshot/store-lock.js';
import {catchProblems, never, openStore, snap, withFolder} from './fixture.js';
import {big, flip, listFiles, write} from './store-fixture.js';

describe('prune()', () => {
  const prune = (folder: string, keep: number, protect: readonly SnapshotId[] = []) =>
    openStore(folder).prune({keep, protect, now: Date.now, signal: never});

  it('keeps the newest of each app and what is protected, whole, and nothing else', async () => {
    await withFolder(async (folder) => {
      let nowMs = Date.now();
      const now = () => (nowMs += 1000);
      const ids: SnapshotId[] = [];
      for (const version of [1, 2, 3, 4]) {
        const files = {same: 'same', [`only${version}`]: `${version}`.repeat(1000), big: big + version};
        ids.push((await snap(folder, write(folder, files), {now})).record.id);
      }
      const code = (await snap(folder, write(folder, {code: '1'}), {now, app: 'code'})).record.id;
      const store = openStore(folder);
      await store.delta(ids[0], ids[1] as SnapshotId, never);
      await store.delta(ids[0], ids[3] as SnapshotId, never);
      const pruned = await prune(folder, 1, [ids[0] as SnapshotId]);
      expect([...pruned.removed].sort()).toEqual([ids[1], ids[2]].sort());
      expect((await store.list()).map(({id}) => id).sort()).toEqual([ids[0], ids[3], code].sort());
      expect(await store.verify(undefined, never)).toEqual([]);
      expect(listFiles(`${folder}/store/deltas`)).toHaveLength(2);
      expect(listFiles(`${folder}/store/objects`)).toHaveLength(2);
      expect(pruned.freedBytes).toBeGreaterThan(2 * big.length);
      const packed = listFiles(`${folder}/store/packs`).filter((file) => file.endsWith('.pack'));
      expect(packed.map((file) => fs.readFileSync(file, 'utf8')).join('')).not.toMatch(/2222|3333/);
    });
  });

  it('writes a pack anew that is mostly not needed, and joins many small ones', async () => {
    await withFolder(async (folder) => {
      for (let version = 0; version < 20; version += 1)
        await snap(folder, write(folder, {[`f${version}`]: 'x'.repeat(version + 1)}), {labels: {}});
      await prune(folder, 20);
      expect(listFiles(`${folder}/store/packs`)).toHaveLength(2);
      expect(await openStore(folder).verify(undefined, never)).toEqual([]);
      expect(await openStore(folder).list()).toHaveLength(20);
    });
  });

  it('removes nothing when a manifest that stays cannot be read', async () => {
    await withFolder(async (folder) => {
      await snap(folder, write(folder, {a: '1'}), {now: () => 1000});
      const {record} = await snap(folder, write(folder, {a: '2'}), {now: () => 2000});
      flip(`${folder}/store/snapshots/${record.id}`, 3);
      const before = listFiles(`${folder}/store`).length;
      expect(await catchProblems(() => prune(folder, 1))).toMatchObject({code: 'integrity'});
      expect(listFiles(`${folder}/store`)).toHaveLength(before);
      fs.rmSync(`${folder}/store/snapshots/${record.id}`);
      expect(await catchProblems(() => prune(folder, 1))).toMatchObject({
        code: 'integrity',
        message: expect.stringContaining('is missing'),
      });
      expect(listFiles(`${folder}/store`)).toHaveLength(before - 1);
    });
  });

  it('keeps what is young, what has a label, and what is of another app, and says in a dry run what would go without removing it', async () => {
    await withFolder(async (folder) => {
      const day = 86_400_000;
      const nowMs = Date.parse('2026-06-01T00:00:00Z');
      const ids: SnapshotId[] = [];
      const take = async (ageDays: number, content: string, more: object = {}): Promise<void> => {
        const now = () => nowMs - ageDays * day;
        ids.push((await snap(folder, write(folder, {only: content.repeat(1000)}), {now, ...more})).record.id);
      };
      await take(90, 'a', {labels: {milestone: 'yes'}});
      await take(80, 'b', {labels: {ref: 'v1'}});
      await take(70, 'c', {labels: {ref: 'v2'}});
      await take(60, 'd', {app: 'code'});
      await take(10, 'e');
      await take(1, 'f');
      const policy = {
        keep: 1,
        keepWithinMs: 30 * day,
        keepLabels: [{name: 'milestone'}, {name: 'ref', value: 'v1'}],
        apps: ['content'],
        protect: [],
        now: () => nowMs,
        signal: never,
      };
      const before = listFiles(`${folder}/store`).sort();
      const would = await openStore(folder).prune({...policy, dryRun: true});
      expect(would.removed).toEqual([ids[2]]);
      expect(would.records.map(({id}) => id)).toEqual([ids[2]]);
      expect(would.freedBytes).toBeGreaterThan(1000);
      expect(listFiles(`${folder}/store`).sort()).toEqual(before);
      const pruned = await openStore(folder).prune(policy);
      expect(pruned.removed).toEqual(would.removed);
      expect(pruned.freedBytes).toBeGreaterThanOrEqual(would.freedBytes);
      expect((await openStore(folder).list()).map(({id}) => id)).toEqual([ids[5], ids[4], ids[3], ids[1], ids[0]]);
      expect(await openStore(folder).verify(undefined, never)).toEqual([]);
    });
  });

  it('E12 forgets no object whose last copy was bad: the next snapshot of the unchanged tree stores it anew', async () => {
    const find = (folder: string, ending: string): string => listFiles(`${folder}/store/packs`).find((file) => file.endsWith(ending)) ?? '';
    const spoilers: readonly ((folder: string) => Promise<unknown>)[] = [
      async (folder) => {
        flip(find(folder, '.pack'), 1);
        return openStore(folder).verify(undefined, never);
      },
      async (folder) => flip(find(folder, '.idx'), 40),
      async (folder) => fs.rmSync(find(folder, '.pack')),
    ];
    for (const spoil of spoilers) {
      await withFolder(async (folder) => {
        const source = write(folder, {a: 'sheep', b: 'dog'});
        // So that no file counts as just written.
        const now = () => Date.now() + 60_000;
        const {record} = await snap(folder, source, {now});
        await spoil(folder);
        for (const _ of [1, 2]) await prune(folder, 1);
        expect((await snap(folder, source, {now})).record.id).toBe(record.id);
        expect(await openStore(folder).verify(undefined, never)).toEqual([]);
        expect(listFiles(`${folder}/store/quarantine`).filter((file) => file.endsWith('.object'))).toEqual([]);
      });
    }
  });

  it('of a store that nobody has made makes none', async () => {
    await withFolder(async (folder) => {
      expect(await prune(folder, 1)).toEqual({records: [], removed: [], kept: [], freedBytes: 0});
      expect(fs.existsSync(`${folder}/store`)).toBe(false);
    });
  });

  it('refuses to keep nothing', async () => {
    await withFolder(async (folder) => {
      expect(await catchProblems(() => prune(folder, 0))).toMatchObject({code: 'usage'});
    });
  });

  it('does not run while somebody saves', async () => {
    await withFolder(async (folder) => {
      await snap(folder, write(folder, {a: '1'}));
      const lock = {directory: `${folder}/store/locks`, now: Date.now, waitMs: 0, signal: never} as const;
      await holdStore({...lock, kind: 'save'}, async () => {
        expect(await catchProblems(() => holdStore({...lock, kind: 'prune'}, async () => undefined))).toMatchObject({
          code: 'refused',
          exit: 4,
        });
        await holdStore({...lock, kind: 'save'}, async () => undefined);
      });
      await holdStore({...lock, kind: 'prune'}, async () => {
        expect(await catchProblems(() => holdStore({...lock, kind: 'save'}, async () => undefined))).toMatchObject({code: 'refused'});
      });
      expect(fs.readdirSync(`${folder}/store/locks`)).toEqual([]);
    });
  });
});

import fs from 'node:fs';
import path from 'node:path';
import {describe, expect, it} from 'vitest';
import type {Digest} from '../../src/lib/snapshot/manifest.js';
import {never, openStore, snap, withFolder} from './fixture.js';
import {big, flip, listFiles, write} from './store-fixture.js';

type Spoil = (file: string, other: string) => void;

/** Every way in which a file of a store can go wrong. `other` is another file of the same kind. */
const damages: readonly (readonly [what: string, spoil: Spoil])[] = [
  ['truncated', (file) => fs.truncateSync(file, 5)],
  ['empty', (file) => fs.truncateSync(file, 0)],
  ['flipped', (file) => flip(file, 3)],
  ['too long', (file) => fs.appendFileSync(file, 'x')],
  ['under the wrong name', (file, other) => fs.renameSync(other, file)],
  ['a link', (file, other) => replace(file, () => fs.symlinkSync(other, file))],
  ['a directory', (file) => replace(file, () => fs.mkdirSync(`${file}/inside`, {recursive: true}))],
  ['missing', (file) => fs.rmSync(file)],
];

function replace(file: string, make: () => void): void {
  fs.rmSync(file);
  make();
}

/** A file larger than what is read in one piece, and others that share a pack. */
async function fill(folder: string) {
  const source = write(folder, {big, 'other/big': `other ${big}`, small: 'one', 'other/small': 'two'});
  const {record, manifest} = await snap(folder, source, {now: () => Date.now() + 10_000});
  const digestOf = (name: string): Digest => {
    const entry = manifest.entries.find(({path: each}) => each === name);
    if (entry?.kind !== 'file') throw new Error(`no file ${name}`);
    return entry.digest;
  };
  const objectOf = (name: string) => path.join(folder, 'store', 'objects', digestOf(name).slice(0, 2), digestOf(name));
  return {source, record, digestOf, objectOf};
}

describe('repair()', () => {
  it.each(damages)('E12: brings back a large object that is %s, from a file of any name', async (_what, spoil) => {
    await withFolder(async (folder) => {
      const {source, record, objectOf} = await fill(folder);
      for (const name of ['big', 'other/big']) fs.chmodSync(objectOf(name), 0o644);
      spoil(objectOf('big'), objectOf('other/big'));
      fs.renameSync(`${source}/big`, `${source}/moved`);
      const store = openStore(folder);
      const damaged = await store.verify(undefined, never);
      expect(damaged.flatMap(({paths}) => paths)).toContain('big');
      expect(await store.repair?.(damaged, [source], never)).toEqual({repaired: damaged, lost: []});
      expect(await store.verify(undefined, never)).toEqual([]);
      expect((await store.manifest(record.id)).id).toBe(record.id);
    });
  });

  it.each(damages.filter(([what]) => what !== 'under the wrong name'))(
    'E12: brings back what was in a pack that is %s',
    async (_what, spoil) => {
      await withFolder(async (folder) => {
        const {source} = await fill(folder);
        const pack = listFiles(`${folder}/store/packs`).find((file) => file.endsWith('.pack')) ?? '';
        fs.chmodSync(pack, 0o644);
        spoil(pack, listFiles(`${folder}/store/records`)[0] ?? '');
        const store = openStore(folder);
        const damaged = await store.verify(undefined, never);
        if (damaged.length > 0) expect((await store.repair?.(damaged, [source], never))?.lost).toEqual([]);
        expect(await store.verify(undefined, never)).toEqual([]);
        for (const entry of (await store.manifest((await store.resolve('content', 'latest')).id)).entries)
          if (entry.kind === 'file') expect(await readAll(store, entry.digest)).toBe(entry.size);
      });
    },
  );

  it('E12: brings back what only a damaged index knew', async () => {
    await withFolder(async (folder) => {
      const {source} = await fill(folder);
      const index = listFiles(`${folder}/store/packs`).find((file) => file.endsWith('.idx')) ?? '';
      flip(index, 20);
      const store = openStore(folder);
      const damaged = await store.verify(undefined, never);
      expect(damaged.map(({why, paths}) => `${why} ${paths[0]}`).sort()).toEqual(['missing other/small', 'missing small']);
      expect(await store.repair?.(damaged, [source], never)).toEqual({repaired: damaged, lost: []});
      expect(await store.verify(undefined, never)).toEqual([]);
    });
  });

  it('writes a pack anew under its own name, where it had become a directory', async () => {
    await withFolder(async (folder) => {
      const source = write(folder, {small: 'one'});
      const later = {now: () => Date.now() + 10_000};
      await snap(folder, source, later);
      const pack = listFiles(`${folder}/store/packs`).find((file) => file.endsWith('.pack')) ?? '';
      replace(pack, () => fs.mkdirSync(`${pack}/inside`, {recursive: true}));
      const store = openStore(folder);
      const damaged = await store.verify(undefined, never);
      expect(await store.repair?.(damaged, [source], never)).toEqual({repaired: damaged, lost: []});
      expect(fs.readFileSync(pack, 'utf8')).toBe('one');
      expect(await store.verify(undefined, never)).toEqual([]);
    });
  });

  it('names what no source holds, and takes nothing else from it', async () => {
    await withFolder(async (folder) => {
      const {source, digestOf, objectOf} = await fill(folder);
      fs.rmSync(objectOf('big'));
      fs.rmSync(objectOf('other/big'));
      fs.writeFileSync(`${source}/big`, big.replace('sheep', 'goats'));
      const store = openStore(folder);
      const damaged = await store.verify(undefined, never);
      const {repaired = [], lost = []} = (await store.repair?.(damaged, [source, `${folder}/nowhere`], never)) ?? {};
      expect(repaired.map(({digest}) => digest)).toEqual([digestOf('other/big')]);
      expect(lost).toMatchObject([{digest: digestOf('big'), why: 'missing', paths: ['big']}]);
      expect(await store.verify(undefined, never)).toMatchObject([{digest: digestOf('big')}]);
      expect(listFiles(`${folder}/store/objects`)).toEqual([objectOf('other/big')]);
    });
  });

  it('puts a damaged record and a damaged manifest aside, removes a damaged delta, and the store can be used again', async () => {
    await withFolder(async (folder) => {
      const {source, record} = await fill(folder);
      const other = await snap(folder, write(folder, {only: 'this'}), {app: 'code', labels: {ref: 'v1'}});
      await openStore(folder).delta(undefined, record.id, never);
      flip(`${folder}/store/snapshots/${record.id}`, 3);
      flip(listFiles(`${folder}/store/records`).find((file) => file.includes(other.record.id)) ?? '', 12);
      flip(listFiles(`${folder}/store/deltas`).find((file) => file.endsWith('.tgz')) ?? '', 100);
      const store = openStore(folder);
      const damaged = await store.verify(undefined, never);
      const {repaired = [], lost = []} = (await store.repair?.(damaged, [source], never)) ?? {};
      expect(repaired.map(({file}) => file?.split('/')[0])).toEqual(['deltas']);
      expect(lost.map(({file}) => file?.split('/')[0]).sort()).toEqual(['records', 'snapshots']);
      expect((await store.list()).map(({id}) => id)).toEqual([record.id]);
      expect(await store.verify(undefined, never)).toMatchObject([{why: 'missing', file: `snapshots/${record.id}`}]);
      const again = write(folder, {big, 'other/big': `other ${big}`, small: 'one', 'other/small': 'two'});
      expect((await snap(folder, again)).record.id).toBe(record.id);
      expect(await store.verify(undefined, never)).toEqual([]);
    });
  });
});

async function readAll(store: ReturnType<typeof openStore>, digest: Digest): Promise<number> {
  let bytes = 0;
  for await (const piece of (await store.open(digest)) as AsyncIterable<Buffer>) bytes += piece.length;
  return bytes;
}

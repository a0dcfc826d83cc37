import fs from 'node:fs';
import path from 'node:path';
import {describe, expect, it} from 'vitest';
import type {Digest} from '../../src/lib/snapshot/manifest.js';
import {ObjectCatalog} from '../../src/lib/snapshot/object-catalog.js';
import {StoreLayout} from '../../src/lib/snapshot/store-layout.js';
import {catchProblems, never, openStore, past, snap, withFolder} from './fixture.js';
import {big, flip, listFiles, write} from './store-fixture.js';

describe('a directory store', () => {
  it('does not exist before the first save, and is empty then', async () => {
    await withFolder(async (folder) => {
      expect(await openStore(folder).list()).toEqual([]);
      expect(fs.existsSync(`${folder}/store`)).toBe(false);
      expect(await catchProblems(() => openStore(folder).resolve('content', 'latest'))).toMatchObject({code: 'not-found'});
    });
  });

  it('keeps many small files in one pack, and the same bytes once', async () => {
    await withFolder(async (folder) => {
      const files = Object.fromEntries(Array.from({length: 300}, (_, index) => [`d${index % 7}/${index}`, `content ${index % 100}`]));
      const {newFiles, reusedFiles} = await snap(folder, write(folder, files));
      expect({newFiles, reusedFiles}).toEqual({newFiles: 100, reusedFiles: 200});
      expect(listFiles(`${folder}/store`)).toHaveLength(6);
    });
  });

  it('finds the same objects by a few searches as by the table of all', async () => {
    await withFolder(async (folder) => {
      for (const name of ['one', 'two']) {
        const files = Object.fromEntries(Array.from({length: 60}, (_, index) => [`${index}`, `${name} ${index}`.repeat(index)]));
        await snap(folder, write(folder, files), {sizeChanged: true});
      }
      const layout = new StoreLayout(`${folder}/store`);
      const all = ObjectCatalog.load(layout).packs.flatMap((pack) => [...pack.objects].map((object) => ({pack: pack.id, object})));
      expect(all.length).toBeGreaterThan(100);
      const catalog = ObjectCatalog.load(layout);
      const find = (digest: Digest) => {
        const place = catalog.find(digest);
        return place?.kind === 'packed' ? {pack: place.pack.id, object: place.object} : undefined;
      };
      expect(all.map(({object}) => find(object.digest))).toEqual(all);
      expect(find('0'.repeat(64) as Digest)).toBeUndefined();
    });
  });

  it('reads nothing again of a tree that has not changed', async () => {
    await withFolder(async (folder) => {
      const source = write(folder, {a: '1', b: '2'});
      const later = () => Date.now() + 10_000;
      const first = await snap(folder, source, {now: later});
      // It is written whenever a file was read.
      const index = listFiles(`${folder}/store/index`)[0] ?? '';
      const before = fs.readFileSync(index);
      const again = await snap(folder, source, {now: later});
      expect(again).toMatchObject({newFiles: 0, reusedFiles: 2, record: {id: first.record.id}});
      expect(fs.readFileSync(index).equals(before)).toBe(true);
    });
  });

  it('reads a file again that was written just before it was read', async () => {
    await withFolder(async (folder) => {
      const source = write(folder, {a: '1'});
      const first = await snap(folder, source);
      fs.writeFileSync(`${source}/a`, '2');
      fs.utimesSync(`${source}/a`, past, past);
      expect((await snap(folder, source)).record.id).not.toBe(first.record.id);
    });
  });

  it('does without its index when that is damaged', async () => {
    await withFolder(async (folder) => {
      const source = write(folder, {a: '1'});
      const first = await snap(folder, source);
      flip(listFiles(`${folder}/store/index`)[0] ?? '', 60);
      expect((await snap(folder, source)).record.id).toBe(first.record.id);
    });
  });

  it('notices one flipped byte in any of its files', async () => {
    await withFolder(async (folder) => {
      const {record} = await snap(folder, write(folder, {a: 'one', 'b/c': 'two', big}), {labels: {ref: 'v1'}});
      await openStore(folder).delta(undefined, record.id, never);
      expect(await openStore(folder).verify(undefined, never)).toEqual([]);
      const files = listFiles(`${folder}/store`).filter((file) => !file.includes('/index/'));
      expect(files.length).toBeGreaterThanOrEqual(8);
      fs.cpSync(`${folder}/store`, `${folder}/good`, {recursive: true});
      for (const file of files) {
        const size = fs.statSync(file).size;
        for (const at of [0, Math.floor(size / 2), size - 1]) {
          flip(file, at);
          const found = await openStoreAndVerify(folder);
          expect({file: path.relative(folder, file), at, found: found > 0}).toEqual({file: path.relative(folder, file), at, found: true});
          fs.rmSync(`${folder}/store`, {recursive: true});
          fs.cpSync(`${folder}/good`, `${folder}/store`, {recursive: true});
        }
      }
    });
  });

  it.each<[why: string, spoil: (file: string) => void]>([
    ['altered', (file) => flip(file, 3)],
    ['truncated', (file) => fs.truncateSync(file, 100)],
    ['truncated', (file) => fs.truncateSync(file, 0)],
    ['altered', (file) => fs.appendFileSync(file, 'x')],
    ['missing', (file) => fs.rmSync(file)],
  ])('puts a large object that is %s into quarantine, and stores it anew with the next snapshot', async (why, spoil) => {
    await withFolder(async (folder) => {
      const later = () => Date.now() + 10_000;
      const source = write(folder, {big});
      const {manifest} = await snap(folder, source, {now: later});
      const [entry] = manifest.entries;
      const digest = entry?.kind === 'file' ? entry.digest : ('' as Digest);
      const file = `${folder}/store/objects/${digest.slice(0, 2)}/${digest}`;
      fs.chmodSync(file, 0o644);
      spoil(file);
      const store = openStore(folder);
      expect(await store.verify(manifest.id, never)).toEqual([{digest, why, paths: ['big']}]);
      expect(fs.existsSync(file)).toBe(false);
      expect(await catchProblems(() => store.open(digest))).toMatchObject({code: 'integrity', exit: 9});
      expect(await snap(folder, source, {now: later})).toMatchObject({newFiles: 1});
      expect(await store.verify(undefined, never)).toEqual([]);
      expect(fs.readdirSync(`${folder}/store/quarantine`)).toEqual([]);
    });
  });

  it('puts a packed object that was altered into quarantine, and stores it anew with the next snapshot', async () => {
    await withFolder(async (folder) => {
      const later = () => Date.now() + 10_000;
      const source = write(folder, {a: 'one', b: 'two'});
      const {record, manifest} = await snap(folder, source, {now: later});
      flip(listFiles(`${folder}/store/packs`).find((file) => file.endsWith('.pack')) ?? '', 0);
      const error = await catchProblems(() => openStore(folder).delta(undefined, record.id, never));
      expect(error.message).toMatch(/^object [0-9a-f]{12}: content hash is [0-9a-f]{12}; quarantined$/);
      expect(error).toMatchObject({code: 'integrity', exit: 9});
      expect(listFiles(`${folder}/store/deltas`)).toEqual([]);
      // Which of the two comes first in a pack is nobody's business.
      expect(await openStore(folder).verify(manifest.id, never)).toMatchObject([
        {why: 'missing', paths: [expect.stringMatching(/^[ab]$/)]},
      ]);
      expect(await snap(folder, source, {now: later})).toMatchObject({newFiles: 1, reusedFiles: 1});
      expect(await openStore(folder).verify(undefined, never)).toEqual([]);
      await openStore(folder).delta(undefined, record.id, never);
    });
  });

  it('resolves an id, the start of one and latest, for one app', async () => {
    await withFolder(async (folder) => {
      let nowMs = Date.parse('2026-01-01T00:00:00Z');
      const now = () => (nowMs += 1000);
      const one = await snap(folder, write(folder, {a: '1'}), {now});
      const two = await snap(folder, write(folder, {a: '2'}), {now});
      const other = await snap(folder, write(folder, {a: '3'}), {now, app: 'code/x', labels: {ref: 'v1'}});
      const store = openStore(folder);
      expect(await store.resolve('content', 'latest')).toEqual(two.record);
      expect(await store.resolve('content', one.record.id.slice(0, 8))).toEqual(one.record);
      expect(await store.resolve('code/x', other.record.id)).toEqual(other.record);
      expect(await store.list()).toEqual([other.record, two.record, one.record]);
      const again = await snap(folder, write(folder, {a: '1'}), {now, labels: {again: 'yes'}});
      expect(await store.resolve('content', 'latest')).toEqual(again.record);
      expect(await catchProblems(() => store.resolve('content', '../x'))).toMatchObject({
        code: 'usage',
        message: 'snapshot id may hold only [0-9a-f], got "../x"',
      });
      const unknown = await catchProblems(() => store.resolve('content', '0123456789'));
      expect(unknown).toMatchObject({code: 'not-found', exit: 3, message: `snapshot "0123456789" is not in the store ${folder}/store`});
      const foreign = await catchProblems(() => store.resolve('content', other.record.id));
      expect(foreign.message).toBe(`snapshot "${other.record.id}" is of app "code/x", not of "content"`);
    });
  });

  it('refuses the start of an id that several share', async () => {
    await withFolder(async (folder) => {
      await snap(folder, write(folder, {a: '1'}));
      const records = `${folder}/store/records`;
      const [name = ''] = fs.readdirSync(records);
      const {createHash} = await import('node:crypto');
      for (const id of [`beef${'0'.repeat(60)}`, `beef${'1'.repeat(60)}`]) {
        const value =
          fs.readFileSync(`${records}/${name}`, 'utf8').replaceAll(name.slice(0, 64), id).slice('{"value":'.length).split(',"sha256"')[0] ??
          '';
        fs.writeFileSync(
          `${records}/${id}.content.json`,
          `{"value":${value},"sha256":"${createHash('sha256').update(value).digest('hex')}"}\n`,
        );
      }
      const error = await catchProblems(() => openStore(folder).resolve('content', 'beef'));
      expect(error).toMatchObject({code: 'usage', exit: 2, message: 'snapshot "beef" matches 2 (beef00000000, beef11111111)'});
    });
  });

  it('refuses a newer format, a damaged one, and a directory of something else', async () => {
    await withFolder(async (folder) => {
      fs.mkdirSync(`${folder}/store`);
      fs.writeFileSync(`${folder}/store/format`, 'drover-store 5\n');
      expect((await catchProblems(() => openStore(folder))).message).toBe(
        `store format 5 of ${folder}/store is newer than this drover knows (1)`,
      );
      fs.writeFileSync(`${folder}/store/format`, '');
      expect((await catchProblems(() => openStore(folder))).message).toMatch(/is damaged: ""/);
      fs.rmSync(`${folder}/store/format`);
      fs.writeFileSync(`${folder}/store/letter.txt`, '');
      expect(await catchProblems(() => openStore(folder))).toMatchObject({
        code: 'invalid-file',
        message: `${folder}/store is not a store: it holds "letter.txt" and no file "format"`,
      });
      fs.rmSync(`${folder}/store/letter.txt`);
      fs.mkdirSync(`${folder}/store/packs`);
      await snap(folder, write(folder, {a: '1'}));
      expect(await openStore(folder).list()).toHaveLength(1);
    });
  });

  it('leaves itself out when it lies below the source', async () => {
    await withFolder(async (folder) => {
      fs.writeFileSync(`${folder}/a`, '1');
      const first = await snap(folder, folder);
      expect(first.manifest.entries.map((entry) => entry.path)).toEqual(['a']);
      expect((await snap(folder, folder)).record.id).toBe(first.record.id);
    });
  });
});

async function openStoreAndVerify(folder: string): Promise<number> {
  try {
    return (await openStore(folder).verify(undefined, never)).length;
  } catch (error) {
    if (error instanceof Error && error.name === 'DroverError') return 1;
    throw error;
  }
}

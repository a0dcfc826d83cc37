import {createHash} from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import {createGunzip} from 'node:zlib';
import fc from 'fast-check';
import {extract} from 'tar-stream';
import {describe, expect, it} from 'vitest';
import type {Digest} from '../../src/lib/snapshot/manifest.js';
import {parseManifest, renderManifest} from '../../src/lib/snapshot/manifest-text.js';
import {applyDelta, build, describeTree, never, openStore, past, snap, tree, twoTrees, withFolder} from './fixture.js';

describe('a snapshot', () => {
  it('of any tree is unpacked by the system tar as the same tree', async () => {
    await fc.assert(
      fc.asyncProperty(tree, (nodes) =>
        withFolder(async (folder) => {
          build(`${folder}/source`, nodes);
          const {record} = await snap(folder, `${folder}/source`);
          const delta = await openStore(folder).delta(undefined, record.id, never);
          const id = applyDelta(delta.path, `${folder}/host`);
          expect(id).toBe(record.id);
          expect(fs.existsSync(`${folder}/host/tree`) ? describeTree(`${folder}/host/tree`) : {}).toEqual(describeTree(`${folder}/source`));
        }),
      ),
      {numRuns: 60},
    );
  }, 300_000);

  it('of any tree and the delta from any other give that tree, and a manifest with its digest', async () => {
    await fc.assert(
      fc.asyncProperty(twoTrees, ([before, after]) =>
        withFolder(async (folder) => {
          build(`${folder}/a`, before);
          build(`${folder}/b`, after);
          const [a, b] = [await snap(folder, `${folder}/a`), await snap(folder, `${folder}/b`)];
          const store = openStore(folder);
          applyDelta((await store.delta(undefined, a.record.id, never)).path, `${folder}/base`);
          fs.mkdirSync(`${folder}/base/tree`, {recursive: true});
          const delta = await store.delta(a.record.id, b.record.id, never);
          const id = applyDelta(delta.path, `${folder}/host`, {tree: `${folder}/base/tree`, manifest: `${folder}/base/manifest`});
          expect(id).toBe(b.record.id);
          expect(describeTree(`${folder}/host/tree`)).toEqual(describeTree(`${folder}/b`));
        }),
      ),
      {numRuns: 60},
    );
  }, 300_000);

  it('has a manifest that parses to what was rendered', async () => {
    await fc.assert(
      fc.asyncProperty(tree, (nodes) =>
        withFolder(async (folder) => {
          build(`${folder}/source`, nodes);
          const {manifest} = await snap(folder, `${folder}/source`);
          const text = fs.readFileSync(`${folder}/store/snapshots/${manifest.id}`, 'utf8');
          expect(parseManifest(text)).toEqual(manifest);
          expect(renderManifest([...manifest.entries].reverse())).toBe(text);
        }),
      ),
      {numRuns: 40},
    );
  }, 300_000);

  it('E14: has one id whatever the times, the umask, the place and the order of creation', async () => {
    await withFolder(async (folder) => {
      const make = (at: string, names: readonly string[], mode: number, directoryMode: number, time: Date): void => {
        fs.mkdirSync(`${at}/sub`, {recursive: true});
        for (const name of names) {
          fs.writeFileSync(`${at}/${name}`, name);
          fs.chmodSync(`${at}/${name}`, mode);
          fs.utimesSync(`${at}/${name}`, time, time);
        }
        fs.chmodSync(`${at}/sub`, directoryMode);
      };
      make(`${folder}/one`, ['b', 'a', 'sub/c'], 0o644, 0o755, past);
      make(`${folder}/elsewhere/two`, ['sub/c', 'a', 'b'], 0o664, 0o775, new Date('2021-05-05T05:05:05Z'));
      const [one, two] = [await snap(folder, `${folder}/one`), await snap(folder, `${folder}/elsewhere/two`)];
      expect(two.record.id).toBe(one.record.id);
      expect(two.newFiles).toBe(0);
    });
  });

  it('of a large file keeps it as an object of its own, and gives it back', async () => {
    await withFolder(async (folder) => {
      fs.mkdirSync(`${folder}/source`);
      const bytes = Buffer.alloc(9 * 1024 * 1024 + 7, 'sheep ');
      fs.writeFileSync(`${folder}/source/big`, bytes);
      fs.writeFileSync(`${folder}/source/copy`, bytes);
      const {record, newBytes} = await snap(folder, `${folder}/source`);
      const digest = createHash('sha256').update(bytes).digest('hex') as Digest;
      expect(newBytes).toBe(bytes.length);
      expect(fs.statSync(`${folder}/store/objects/${digest.slice(0, 2)}/${digest}`).size).toBe(bytes.length);
      const back = await (await openStore(folder).open(digest)).toArray();
      expect(Buffer.concat(back).equals(bytes)).toBe(true);
      const delta = await openStore(folder).delta(undefined, record.id, never);
      expect(applyDelta(delta.path, `${folder}/host`)).toBe(record.id);
      expect(fs.readFileSync(`${folder}/host/tree/copy`).equals(bytes)).toBe(true);
    });
  });
});

describe('a delta', () => {
  it('holds gone, new, then directories, files and links, without times or owners', async () => {
    await withFolder(async (folder) => {
      fs.mkdirSync(`${folder}/source/z`, {recursive: true});
      fs.writeFileSync(`${folder}/source/a`, 'x');
      fs.symlinkSync('z', `${folder}/source/b`);
      const {record} = await snap(folder, `${folder}/source`);
      const delta = await openStore(folder).delta(undefined, record.id, never);
      const seen: string[] = [];
      const reader = fs.createReadStream(delta.path).pipe(createGunzip()).pipe(extract());
      for await (const entry of reader) {
        const {name, type, mode = 0, uid, gid, mtime, uname} = entry.header;
        seen.push(`${name} ${type} ${mode.toString(8)} ${uid}:${gid} ${mtime?.getTime()} ${JSON.stringify(uname)}`);
        entry.resume();
      }
      expect(seen).toEqual([
        'gone file 644 0:0 0 ""',
        'new file 644 0:0 0 ""',
        'tree/z/ directory 755 0:0 0 ""',
        'tree/a file 444 0:0 0 ""',
        'tree/b symlink 777 0:0 0 ""',
      ]);
      expect(delta).toMatchObject({files: 1, removed: 0, snapshot: record.id, bytes: fs.statSync(delta.path).size});
    });
  });

  it('is built once, and again when its file was damaged', async () => {
    await withFolder(async (folder) => {
      fs.mkdirSync(`${folder}/source`);
      fs.writeFileSync(`${folder}/source/a`, 'x');
      const {record} = await snap(folder, `${folder}/source`);
      const store = openStore(folder);
      const first = await store.delta(undefined, record.id, never);
      const {ino} = fs.statSync(first.path);
      expect(await store.delta(undefined, record.id, never)).toEqual(first);
      expect(fs.statSync(first.path).ino).toBe(ino);
      fs.truncateSync(first.path, 20);
      expect(await store.delta(undefined, record.id, never)).toEqual(first);
      expect(fs.statSync(first.path).size).toBe(first.bytes);
    });
  });

  it('built twice at the same time is the same file', async () => {
    await withFolder(async (folder) => {
      fs.mkdirSync(`${folder}/source`);
      for (let index = 0; index < 50; index += 1) fs.writeFileSync(`${folder}/source/${index}`, `${index}`);
      const {record} = await snap(folder, `${folder}/source`);
      const built = await Promise.all([1, 2, 3].map(() => openStore(folder).delta(undefined, record.id, never)));
      const digest = createHash('sha256')
        .update(fs.readFileSync(built[0]?.path ?? ''))
        .digest('hex');
      expect(built.map((delta) => delta.digest)).toEqual([digest, digest, digest]);
      expect(fs.readdirSync(path.dirname(built[0]?.path ?? ''))).toHaveLength(2);
    });
  });

  it('of a snapshot nobody took is refused', async () => {
    await withFolder(async (folder) => {
      const unknown = 'a'.repeat(64) as Awaited<ReturnType<typeof snap>>['record']['id'];
      await expect(openStore(folder).delta(undefined, unknown, never)).rejects.toMatchObject({code: 'not-found'});
      expect(fs.existsSync(`${folder}/store`)).toBe(false);
    });
  });
});

import fs from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import {afterEach, describe, expect, it, vi} from 'vitest';
import {build, openStore, snap, tree, withFolder} from './fixture.js';
import {flip, listFiles, write} from './store-fixture.js';

afterEach(() => {
  vi.restoreAllMocks();
});

/** Long enough after, so that no file counts as just written. */
const later = (): number => Date.now() + 60_000;

/** Comes back when the kernel's clock for times of files has moved on. */
function awaitTick(folder: string): void {
  const probe = path.join(folder, 'probe');
  const read = (): number => {
    fs.writeFileSync(probe, 'x');
    return fs.statSync(probe).ctimeMs;
  };
  for (const before = read(); read() === before; );
  fs.rmSync(probe);
}

/** What lies in the store: path -> its inode and time. */
function listStore(folder: string): Record<string, string> {
  return Object.fromEntries(
    listFiles(`${folder}/store`).map((file) => {
      const {ino, mtimeMs} = fs.statSync(file);
      return [path.relative(`${folder}/store`, file), `${ino} ${mtimeMs}`];
    }),
  );
}

describe('a tree of which nothing has changed', () => {
  it('is not read, and nothing is written of it but the record', async () => {
    await withFolder(async (folder) => {
      const source = write(folder, {'a/b': 'sheep', 'a/c': 'sheep', d: 'dog'});
      fs.symlinkSync('a/b', `${source}/link`);
      const first = await snap(folder, source, {now: later});
      const before = listStore(folder);
      const opened = vi.spyOn(fs, 'openSync');
      const again = await snap(folder, source, {now: later, labels: {build: '2'}});
      expect(opened.mock.calls.map(([file]) => String(file)).filter((file) => file.startsWith(source))).toEqual([]);
      expect(again).toMatchObject({record: {id: first.record.id, labels: {build: '2'}}, newFiles: 0, newBytes: 0, reusedFiles: 3});
      expect(again.manifest).toEqual(first.manifest);
      const after = listStore(folder);
      const changed = Object.keys({...before, ...after}).filter((name) => before[name] !== after[name]);
      expect(changed).toEqual([`records/${first.record.id}.content.json`]);
    });
  });

  it('has its manifest written anew when that was lost or damaged', async () => {
    await withFolder(async (folder) => {
      const source = write(folder, {a: 'sheep'});
      const {record} = await snap(folder, source, {now: later});
      const manifest = `${folder}/store/snapshots/${record.id}`;
      const text = fs.readFileSync(manifest, 'utf8');
      for (const spoil of [() => fs.rmSync(manifest), () => fs.writeFileSync(manifest, 'x'), () => fs.truncateSync(manifest, 3)]) {
        spoil();
        expect((await snap(folder, source, {now: later})).record.id).toBe(record.id);
        expect(fs.readFileSync(manifest, 'utf8')).toBe(text);
      }
    });
  });

  it('is read again when an object of it was found damaged', async () => {
    await withFolder(async (folder) => {
      const source = write(folder, {a: 'sheep', b: 'dog'});
      const {record} = await snap(folder, source, {now: later});
      const [pack = ''] = listFiles(`${folder}/store/packs`).filter((file) => file.endsWith('.pack'));
      flip(pack, 1);
      expect(await openStore(folder).verify(undefined, new AbortController().signal)).toHaveLength(1);
      expect(await snap(folder, source, {now: later})).toMatchObject({record: {id: record.id}, newFiles: 1});
      expect(await openStore(folder).verify(undefined, new AbortController().signal)).toEqual([]);
    });
  });

  it('tells again of the secrets that were found when it was read', async () => {
    await withFolder(async (folder) => {
      const source = write(folder, {
        'key.txt': '-----BEGIN PRIVATE KEY-----',
        '.env': 'A=1',
        'big.txt': `ghp_${'a'.repeat(36)}${'x'.repeat(9e6)}`,
      });
      const warnings = [
        '".env" looks like a file of secrets',
        '"big.txt" holds a GitHub or GitLab token',
        '"key.txt" holds a private key',
      ].map((text) => expect.stringContaining(text));
      expect((await snap(folder, source, {now: later})).warnings).toEqual(warnings);
      expect((await snap(folder, source, {now: later})).warnings).toEqual(warnings);
    });
  });

  it('is noticed when files were written within two seconds before they were read', async () => {
    await withFolder(async (folder) => {
      const source = `${folder}/source`;
      build(source, {a: {kind: 'file', mode: 0o644, content: Buffer.from('one')}});
      await snap(folder, source);
      const opened = vi.spyOn(fs, 'openSync');
      await snap(folder, source);
      expect(opened.mock.calls.map(([file]) => String(file))).toContain(`${fs.realpathSync(source)}/a`);
    });
  });
});

interface Edit {
  readonly how: 'content' | 'mode' | 'rename' | 'remove' | 'add' | 'kind' | 'target';
  /** Which of the entries, counted round. */
  readonly which: number;
}

const edit: fc.Arbitrary<Edit> = fc.record({
  how: fc.constantFrom('content', 'mode', 'rename', 'remove', 'add', 'kind', 'target'),
  which: fc.nat(1000),
});

function change(source: string, {how, which}: Edit): void {
  const all = fs.readdirSync(source, {recursive: true, encoding: 'utf8'}).sort();
  const chosen = all[which % Math.max(1, all.length)];
  if (how === 'add' || chosen === undefined) {
    fs.writeFileSync(path.join(source, 'added'), 'new');
    return;
  }
  const at = path.join(source, chosen);
  const stat = fs.lstatSync(at);
  if (how === 'rename') fs.renameSync(at, path.join(path.dirname(at), 'renamed'));
  else if (how === 'mode' && !stat.isSymbolicLink()) fs.chmodSync(at, stat.mode ^ 0o011);
  else if (how === 'content' && stat.isFile() && stat.size > 0) {
    // Of the same size, and with the times that it had.
    flip(at, 0);
    fs.chmodSync(at, stat.mode);
    fs.utimesSync(at, stat.atime, stat.mtime);
  } else {
    fs.rmSync(at, {recursive: true});
    if (how === 'target' || (how === 'kind' && stat.isFile())) fs.symlinkSync('renamed', at);
    else if (how === 'kind' && stat.isDirectory()) fs.writeFileSync(at, '');
    else if (how === 'kind') fs.mkdirSync(at);
  }
}

describe('a tree of which one thing has changed', () => {
  it('gets the id that it would get in an empty store', async () => {
    await fc.assert(
      fc.asyncProperty(tree, edit, (nodes, oneEdit) =>
        withFolder(async (folder) => {
          const source = `${folder}/source`;
          build(source, nodes);
          const known = await snap(folder, source, {now: later});
          awaitTick(folder);
          change(source, oneEdit);
          const take = async (at: string): Promise<string> => {
            fs.mkdirSync(at, {recursive: true});
            return (await snap(at, source, {now: later})).record.id;
          };
          const expected = await take(`${folder}/empty`);
          expect(await take(folder)).toBe(expected);
          expect(await take(folder)).toBe(expected);
          expect((await openStore(folder).manifest(known.record.id)).id).toBe(known.record.id);
        }),
      ),
      {numRuns: 60},
    );
  }, 300_000);

  it('is noticed when only the rules of what to leave out have changed', async () => {
    await withFolder(async (folder) => {
      const source = write(folder, {a: 'sheep', b: 'dog'});
      const {record} = await snap(folder, source, {now: later});
      expect((await snap(folder, source, {now: later, ignore: ['b']})).manifest.files).toBe(1);
      expect((await snap(folder, source, {now: later})).record.id).toBe(record.id);
    });
  });
});

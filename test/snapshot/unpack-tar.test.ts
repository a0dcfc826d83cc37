import fs from 'node:fs';
import {gzipSync} from 'node:zlib';
import {describe, expect, it} from 'vitest';
import {describeTree, withFolder} from './fixture.js';
import {forgeEntry, forgePax, forgeTar, paxRecord, tarEnd} from './forge-tar.js';

import {file, long, octal, unpack} from './tar-fixture.js';

describe('unpackTar() takes', () => {
  const deep = `${long}end`;

  it.each<[what: string, archive: Buffer, tree: Record<string, string>]>([
    [
      'files with their modes, whatever the umask',
      forgeTar({name: 'f', mode: 0o755, text: 'x'}, {name: 'g', mode: 0o400}),
      {f: 'file 555 78', g: 'file 400 '},
    ],
    ['the top itself, written as ./', forgeTar({name: './', type: '5', mode: 0o755}, {name: './f', text: 'x'}), {f: 'file 444 78'}],
    [
      'folders without an entry of their own',
      forgeTar({name: 'a/b/f', text: 'x'}),
      {a: 'directory 555', 'a/b': 'directory 555', 'a/b/f': 'file 444 78'},
    ],
    [
      'closed folders, whose files come after them',
      forgeTar({name: 'd/', type: '5', mode: 0o555}, {name: 'd/f'}),
      {d: 'directory 555', 'd/f': 'file 444 '},
    ],
    [
      'links inside the tree, before what they name',
      forgeTar({name: 'l', type: '2', target: 'f'}, file),
      {l: 'link f', f: 'file 444 68656c6c6f'},
    ],
    [
      'an empty folder, told twice',
      forgeTar({name: 'd/', type: '5', mode: 0o755}, {name: 'd/', type: '5', mode: 0o755}),
      {d: 'directory 555'},
    ],
    ['a gzip', gzipSync(forgeTar(file)), {f: 'file 444 68656c6c6f'}],
    [
      'a pax path and size',
      forgeTar(forgePax(paxRecord('path', 'ü') + paxRecord('size', '5')), {name: 'x', text: 'hello', size: octal(5)}),
      {ü: 'file 444 68656c6c6f'},
    ],
    ['the commit that git archive writes', forgeTar(forgePax(paxRecord('comment', 'a'.repeat(40)), 'g'), file), {f: 'file 444 68656c6c6f'}],
    ['trailing blocks of zeros', Buffer.concat([forgeTar(file), tarEnd, tarEnd]), {f: 'file 444 68656c6c6f'}],
  ])('%s', async (_, archive, tree) => {
    await withFolder(async (folder) => {
      await unpack(folder, archive);
      expect(describeTree(`${folder}/work/tree`)).toEqual(tree);
    });
  });

  it("GNU's long names and links", async () => {
    await withFolder(async (folder) => {
      const target = `${'t/'.repeat(60)}end`;
      await unpack(
        folder,
        forgeTar(
          {name: 'L', type: 'L', text: `${deep}\0`},
          file,
          {name: 'K', type: 'K', text: `${target}\0`},
          {name: 'l', type: '2', target: 't'},
        ),
      );
      expect(fs.readFileSync(`${folder}/work/tree/${deep}`, 'utf8')).toBe('hello');
      expect(fs.readlinkSync(`${folder}/work/tree/l`)).toBe(target);
    });
  });

  it('a file whose long name was cut after a slash, for what it is', async () => {
    await withFolder(async (folder) => {
      const cut = {name: `${'d/'.repeat(49)}d/`, magic: 'ustar  \0'};
      await unpack(
        folder,
        forgeTar(
          {name: 'L', type: 'L', text: `${cut.name}a\0`},
          {...cut, text: forgeEntry({name: '../evil'})},
          {name: 'L', type: 'L', text: `${cut.name}b\0`},
          cut,
        ),
      );
      expect(fs.readdirSync(folder)).toEqual(['work']);
      expect(fs.statSync(`${folder}/work/tree/${cut.name}a`).size).toBe(512);
      expect(fs.statSync(`${folder}/work/tree/${cut.name}b`).isFile()).toBe(true);
    });
  });

  it('what lies below a path alone', async () => {
    await withFolder(async (folder) => {
      await unpack(folder, forgeTar({name: 'dist/', type: '5', mode: 0o755}, {name: 'dist/f', text: 'x'}, {name: 'district', text: 'y'}), {
        below: 'dist',
      });
      expect(describeTree(`${folder}/work/tree`)).toEqual({f: 'file 444 78'});
    });
  });

  it('files without their set-id bits, and says so', async () => {
    await withFolder(async (folder) => {
      expect(await unpack(folder, forgeTar({name: 'su', mode: 0o4755}))).toEqual(['the set-id bits of "su" (mode 4755) are dropped']);
      expect(fs.statSync(`${folder}/work/tree/su`).mode & 0o7777).toBe(0o755);
    });
  });
});

import {execFileSync} from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import {printable} from '../../src/lib/errors/printable.js';
import {build, catchProblems, describeTree, snap, tree, withFolder} from './fixture.js';
import {fill, refusals, tarOf, unpack} from './odd-fixture.js';

const names = [
  '-rf',
  '--',
  ' leading',
  'trailing ',
  "it's",
  '"quoted"',
  'back\\slash',
  '\\n',
  '*',
  '$(x)',
  '`x`',
  '...',
  '....',
  '🐑',
  'ü\u0308',
  '\u202egpj.exe',
  '\u200b',
  'x'.repeat(255),
  'ß'.repeat(127),
];

describe('odd trees', () => {
  it.each(names)('E1: the name %j comes out as it went in', async (name) => {
    await withFolder(async (folder) => {
      const source = await fill(folder, (at) => {
        fs.mkdirSync(`${at}/${name}`);
        fs.writeFileSync(`${at}/${name}/${name}`, 'x');
        fs.symlinkSync(name, `${at}/link`);
      });
      expect(await unpack(folder, source)).toEqual(describeTree(source));
    });
  });

  it.each([
    ['a\nb', '"a\\nb" in SOURCE contains a control character'],
    ['a\tb', '"a\\tb" in SOURCE contains a control character'],
    ['a\x1b[2Jb', '"a\\x1b[2Jb" in SOURCE contains a control character'],
    ['a\x7fb', '"a\\x7fb" in SOURCE contains a control character'],
  ])('E1: the name %j is refused with its escapes', async (name, message) => {
    await withFolder(async (folder) => {
      const source = await fill(folder, (at) => fs.writeFileSync(`${at}/${name}`, ''));
      expect((await refusals(folder, source)).map(printable)).toEqual([message]);
    });
  });

  it.each([
    ['latin-1', Buffer.from('caf\xe9', 'latin1'), '"caf<e9>" in SOURCE has a name that is not valid UTF-8 (hex 636166e9)'],
    ['overlong', Buffer.from([0xc0, 0xaf]), '"<c0><af>" in SOURCE has a name that is not valid UTF-8 (hex c0af)'],
    ['a surrogate', Buffer.from([0xed, 0xa0, 0x80]), '"<ed><a0><80>" in SOURCE has a name that is not valid UTF-8 (hex eda080)'],
  ])('E2: %s bytes in a name are refused in hex, in a folder and in an archive', async (_, bytes, message) => {
    await withFolder(async (folder) => {
      const source = await fill(folder, (at) => fs.writeFileSync(Buffer.concat([Buffer.from(`${at}/`), bytes]), 'x'));
      expect(await refusals(folder, source)).toEqual([message]);
      for (const format of ['gnu', 'pax', 'ustar']) {
        const error = await catchProblems(() => snap(folder, '', {source: tarOf(folder, source, `--format=${format}`)}));
        expect(error.message, format).toMatch(/^tree\.tar holds a name that is not valid UTF-8 \(hex (?:2e2f)?[0-9a-f]+\)$/);
        expect(error.message).toContain(bytes.toString('hex'));
      }
    });
  });

  it('E4: a tree 1000 folders deep comes out as it went in', async () => {
    await withFolder(async (folder) => {
      const deep = 'd/'.repeat(1000);
      const source = await fill(folder, (at) => void fs.mkdirSync(`${at}/${deep}`, {recursive: true}));
      fs.writeFileSync(`${source}/${deep}f`, 'x');
      const {manifest} = await snap(folder, source);
      expect(manifest.entries.at(-1)).toMatchObject({path: `${deep}f`, size: 1});
    });
  });

  it('E4: an archive may name what no file system holds, and is refused in one line', async () => {
    await withFolder(async (folder) => {
      const source = await fill(folder, (at) => {
        fs.mkdirSync(`${at}/${'d/'.repeat(100)}`, {recursive: true});
        fs.writeFileSync(`${at}/${'d/'.repeat(100)}f`, 'x');
      });
      const long = tarOf(folder, source, '--transform', `s,f$,${'n'.repeat(256)},`);
      const error = await catchProblems(() => snap(folder, '', {source: long}));
      expect(error.message).toMatch(/has a component of more than 255 bytes$/);
      expect(error.message.split('\n')).toHaveLength(1);
    });
  });

  it.each([
    ['an absolute link', '/etc/passwd', '"d/l" in SOURCE is a link whose target "/etc/passwd" is absolute'],
    ['a link that climbs out', '../../x', '"d/l" in SOURCE is a link to "../../x", outside the tree'],
    [
      'a link that climbs out through a folder that is not there',
      'no/../../../x',
      '"d/l" in SOURCE is a link to "no/../../../x", outside the tree',
    ],
    ['a chain that climbs out', 'up/../../x', '"d/l" in SOURCE is a link to "up/../../x", outside the tree'],
  ])('E5: %s is refused', async (_, target, message) => {
    await withFolder(async (folder) => {
      const source = await fill(folder, (at) => {
        fs.mkdirSync(`${at}/d`);
        fs.symlinkSync('..', `${at}/d/up`);
        fs.symlinkSync(target, `${at}/d/l`);
      });
      expect(await refusals(folder, source)).toEqual([message]);
    });
  });

  it('E5: links to themselves, in a circle and to nothing are kept, never followed, and named', async () => {
    await withFolder(async (folder) => {
      const source = await fill(folder, (at) => {
        fs.symlinkSync('self', `${at}/self`);
        fs.symlinkSync('b', `${at}/a`);
        fs.symlinkSync('a', `${at}/b`);
        fs.symlinkSync('zz', `${at}/dangling`);
        fs.symlinkSync('.', `${at}/here`);
      });
      const {warnings} = await snap(folder, source);
      expect(warnings.map((line) => line.split('"')[1])).toEqual(['a', 'b', 'dangling', 'self']);
      expect(await unpack(folder, source)).toEqual(describeTree(source));
    });
  });

  it('E7: set-id bits are stripped with a warning; sticky bits, write bits and attributes are not kept', async () => {
    await withFolder(async (folder) => {
      const source = await fill(folder, (at) => {
        fs.mkdirSync(`${at}/d`);
        fs.chmodSync(`${at}/d`, 0o1777);
        for (const [name, mode] of [
          ['suid', 0o4755],
          ['sgid', 0o2711],
          ['all', 0o666],
        ] as const) {
          fs.writeFileSync(`${at}/${name}`, '');
          fs.chmodSync(`${at}/${name}`, mode);
        }
      });
      const {manifest, warnings} = await snap(folder, source);
      expect(manifest.entries).toMatchObject([
        {path: 'all', mode: 0o444},
        {path: 'd', mode: 0o555},
        {path: 'sgid', mode: 0o511},
        {path: 'suid', mode: 0o555},
      ]);
      expect(warnings).toEqual(['the set-id bits of "sgid" (mode 2711) are dropped', 'the set-id bits of "suid" (mode 4755) are dropped']);
    });
  });

  it('E7: mode 000 is refused', async () => {
    await withFolder(async (folder) => {
      const source = await fill(folder, (at) => fs.writeFileSync(`${at}/f`, '', {mode: 0}));
      expect(await refusals(folder, source)).toEqual(['"f" in SOURCE has mode 0000: its owner cannot read it']);
    });
  });

  it('E8: pipes and sockets are refused by path, in a folder and in an archive', async () => {
    await withFolder(async (folder) => {
      const server = net.createServer();
      const source = await fill(folder, async (at) => {
        execFileSync('mkfifo', [`${at}/pipe`]);
        await new Promise<void>((done) => void server.listen(`${at}/sock`, done));
      });
      expect((await refusals(folder, source)).sort()).toEqual(['"pipe" in SOURCE is a named pipe', '"sock" in SOURCE is a socket']);
      await new Promise((done) => server.close(done));
      const error = await catchProblems(() => snap(folder, '', {source: tarOf(folder, source)}));
      expect(error.message).toBe('tree.tar holds "./pipe", which is a named pipe');
    });
  });

  it.each(['gnu', 'pax'])('any tree gives the same id from its folder and from its tar (%s)', async (format) => {
    await fc.assert(
      fc.asyncProperty(tree, (nodes) =>
        withFolder(async (folder) => {
          build(`${folder}/source`, nodes);
          const direct = await snap(folder, `${folder}/source`);
          const source = tarOf(folder, `${folder}/source`, `--format=${format}`);
          expect((await snap(folder, '', {source})).record.id).toBe(direct.record.id);
        }),
      ),
      {numRuns: 25},
    );
  });
});

import {execFileSync} from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import {printable} from '../../src/lib/errors/printable.js';
import type {SourceSet} from '../../src/lib/snapshot/create-snapshot.js';
import {applyDelta, build, catchProblems, describeTree, never, openStore, snap, tree, withFolder} from './fixture.js';

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

async function fill(folder: string, make: (source: string) => void | Promise<void>): Promise<string> {
  const source = `${folder}/source`;
  fs.mkdirSync(source);
  await make(source);
  return source;
}

/** What a snapshot of the source is refused with. */
async function refusals(folder: string, source: string): Promise<string[]> {
  const error = await catchProblems(() => snap(folder, source));
  expect(error).toMatchObject({code: 'invalid-source', exit: 3});
  expect(await openStore(folder).list()).toEqual([]);
  return error.problems.map(({message}) => message.replaceAll(source, 'SOURCE'));
}

/** Unpacks a snapshot as a host does. */
async function unpack(folder: string, source: string): Promise<Record<string, string>> {
  const {record} = await snap(folder, source);
  const delta = await openStore(folder).delta(undefined, record.id, never);
  expect(applyDelta(delta.path, `${folder}/host`)).toBe(record.id);
  return describeTree(`${folder}/host/tree`);
}

const tarOf = (folder: string, source: string, ...words: string[]): SourceSet => {
  const file = `${folder}/tree.tar`;
  execFileSync('tar', ['-C', source, ...words, '-cf', file, '.']);
  return {parts: [{kind: 'tar', name: 'tree.tar', file}], onConflict: 'error'};
};

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

  it('E15: what belongs to version control is left out; secrets and links out of a workspace are named', async () => {
    await withFolder(async (folder) => {
      const source = await fill(folder, (at) => {
        for (const name of [
          '.git/config',
          '.svn/entries',
          '.env',
          '.env.example',
          '.npmrc',
          '.netrc',
          'id_rsa',
          'id_rsa.pub',
          'deploy.sh',
          'big.txt',
          'node_modules/x/y.js',
        ]) {
          fs.mkdirSync(`${at}/${name}`.replace(/\/[^/]*$/, ''), {recursive: true});
          fs.writeFileSync(`${at}/${name}`, 'x');
        }
        fs.writeFileSync(`${at}/.npmrc`, '//registry.example.com/:_authToken=0123456789abcdef\n');
        fs.writeFileSync(`${at}/deploy.sh`, `export TOKEN=ghp_${'a1B2'.repeat(9)}\n`);
        // Further in than is looked at.
        fs.writeFileSync(`${at}/big.txt`, `${' '.repeat(70_000)}AKIA${'IOSFODNN7EXAMPLE'}`);
        fs.writeFileSync(`${at}/node_modules/x/y.js`, `AKIA${'IOSFODNN7EXAMPLE'}`);
      });
      const {manifest, record, ignored} = await snap(folder, source);
      expect(record.secrets).toEqual([
        {path: '.env', what: 'looks like a file of secrets'},
        {path: '.netrc', what: 'is a file of passwords'},
        {path: '.npmrc', what: 'holds an npm token'},
        {path: 'deploy.sh', what: 'holds a GitHub or GitLab token'},
        {path: 'id_rsa', what: 'is named like a private key'},
      ]);
      expect(manifest.entries.some(({path}) => path.startsWith('.git/') || path.startsWith('.svn'))).toBe(false);
      expect(ignored).toBe(2);
      fs.symlinkSync('../../shared', `${source}/node_modules/shared`);
      const error = await catchProblems(() => snap(folder, source));
      expect(error.message).toMatch(/^"node_modules\/shared" in .* is a link to "\.\.\/\.\.\/shared", outside the tree$/);
    });
  });

  it('E15: a token that takes its value from the environment is none', async () => {
    await withFolder(async (folder) => {
      const source = await fill(folder, (at) => fs.writeFileSync(`${at}/.npmrc`, '//registry.example.com/:_authToken=$' + '{NPM_TOKEN}\n'));
      expect((await snap(folder, source)).warnings).toEqual([]);
    });
  });

  it('E15: a file that is not read again is still named, one that lost its secret is not', async () => {
    await withFolder(async (folder) => {
      const source = await fill(folder, (at) => {
        for (const name of ['a.py', 'b.py']) {
          fs.writeFileSync(`${at}/${name}`, `KEY = "AKIA${'IOSFODNN7EXAMPLE'}"`);
          fs.utimesSync(`${at}/${name}`, new Date(0), new Date(0));
        }
      });
      // Later, so that the files do not count as just written.
      const now = (): number => Date.now() + 5000;
      await snap(folder, source, {now});
      fs.writeFileSync(`${source}/b.py`, 'KEY = "from the environment"');
      expect((await snap(folder, source, {now})).record.secrets).toEqual([{path: 'a.py', what: 'holds an AWS key'}]);
    });
  });

  it('E16: an ignore file with negation, trailing spaces, CRLF and a byte order mark, in each source its own', async () => {
    await withFolder(async (folder) => {
      const make = (name: string, ignore: string): string => {
        fs.mkdirSync(`${folder}/${name}`);
        for (const file of ['x.log', 'keep.log', 'y.txt']) fs.writeFileSync(`${folder}/${name}/${file}`, name);
        fs.writeFileSync(`${folder}/${name}/.droverignore`, ignore);
        return `${folder}/${name}`;
      };
      const parts = [
        {kind: 'directory', name: 'a', path: make('a', '\ufeff*.log   \r\n!keep.log\r\n')} as const,
        {kind: 'directory', name: 'b', path: make('b', '# all of it\n*.txt\n'), at: 'b'} as const,
      ];
      const {manifest, ignored} = await snap(folder, '', {source: {parts, onConflict: 'error'}});
      expect(manifest.entries.map(({path}) => path)).toEqual(['b', 'b/keep.log', 'b/x.log', 'keep.log', 'y.txt']);
      // x.log of one, y.txt of the other, and both ignore files.
      expect(ignored).toBe(4);
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

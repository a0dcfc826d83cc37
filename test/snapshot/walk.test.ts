import {execFileSync} from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import {describe, expect, it} from 'vitest';
import {type WalkOptions, walkTree} from '../../src/lib/snapshot/walk.js';
import {catchProblems, never, withFolder} from './fixture.js';

function walk(source: string, more: Partial<WalkOptions> = {}) {
  return walkTree({source, ignore: [], maxFiles: 1_000_000, allowEmpty: false, signal: never, ...more});
}

/** Fills `source` below a folder of its own. */
async function withSource<Result>(
  fill: (source: string) => void | Promise<void>,
  work: (source: string) => Promise<Result>,
): Promise<Result> {
  return withFolder(async (folder) => {
    const source = `${folder}/source`;
    fs.mkdirSync(source);
    await fill(source);
    return work(source);
  });
}

const messages = async (source: string, more: Partial<WalkOptions> = {}): Promise<string[]> =>
  (await catchProblems(() => walk(source, more))).problems.map(({message}) => message.replaceAll(source, 'SOURCE'));

describe('walkTree()', () => {
  it.each<[what: string, fill: (source: string) => void | Promise<void>, message: string]>([
    ['a newline in a name', (at) => fs.writeFileSync(`${at}/a\nb`, ''), '"a\nb" in SOURCE contains a control character'],
    ['a tab in a name', (at) => fs.mkdirSync(`${at}/a\tb`), '"a\tb" in SOURCE contains a control character'],
    ['a C1 control in a name', (at) => fs.writeFileSync(`${at}/a\u009bb`, ''), '"a\u009bb" in SOURCE contains a control character'],
    [
      'latin-1 bytes in a name',
      (at) => fs.writeFileSync(Buffer.concat([Buffer.from(`${at}/caf`), Buffer.from([0xe9])]), ''),
      '"caf<e9>" in SOURCE has a name that is not valid UTF-8 (hex 636166e9)',
    ],
    ['a named pipe', (at) => void execFileSync('mkfifo', [`${at}/pipe`]), '"pipe" in SOURCE is a named pipe'],
    ['a socket', (at) => new Promise((done) => net.createServer().listen(`${at}/sock`, done).unref()), '"sock" in SOURCE is a socket'],
    [
      'an absolute link',
      (at) => fs.symlinkSync('/etc/passwd', `${at}/l`),
      '"l" in SOURCE is a link whose target "/etc/passwd" is absolute',
    ],
    ['a link out of the tree', (at) => fs.symlinkSync('../x', `${at}/l`), '"l" in SOURCE is a link to "../x", outside the tree'],
    [
      'a link out of the tree through a link',
      (at) => {
        fs.mkdirSync(`${at}/a/b`, {recursive: true});
        fs.symlinkSync('../..', `${at}/a/b/up`);
        fs.symlinkSync('a/b/up/../secret', `${at}/l`);
      },
      '"l" in SOURCE is a link to "a/b/up/../secret", outside the tree',
    ],
    [
      'a link with a non UTF-8 target',
      (at) => fs.symlinkSync(Buffer.from([0x61, 0xff]), `${at}/l`),
      '"l" in SOURCE is a link whose target "a\ufffd" is not valid UTF-8 (hex 61ff)',
    ],
    ['a file of mode 000', (at) => fs.writeFileSync(`${at}/f`, '', {mode: 0}), '"f" in SOURCE has mode 0000: its owner cannot read it'],
    ['a directory of mode 000', (at) => fs.mkdirSync(`${at}/d`, {mode: 0}), '"d" in SOURCE has mode 0000: its owner cannot list it'],
  ])('refuses %s by name', async (_, fill, message) => {
    await withSource(fill, async (source) => {
      const error = await catchProblems(() => walk(source));
      expect(error.problems.map((problem) => problem.message.replaceAll(source, 'SOURCE'))).toEqual([message]);
      expect(error).toMatchObject({code: 'invalid-source', exit: 3});
      expect(error.problems[0].fix).toMatch(/ignore it$/);
    });
  });

  it('refuses a path of more than 4096 bytes', async () => {
    await withFolder(async (folder) => {
      const deep = Array.from({length: 10}, () => 'd'.repeat(250)).join('/');
      fs.mkdirSync(`${folder}/source/${deep}`, {recursive: true});
      fs.mkdirSync(`${folder}/more/${deep}`, {recursive: true});
      // No single call takes the whole path.
      fs.renameSync(`${folder}/more`, `${folder}/source/${deep}/more`);
      const all = await messages(`${folder}/source`);
      fs.renameSync(`${folder}/source/${deep}/more`, `${folder}/more`);
      expect(all).toHaveLength(1);
      expect(all[0]).toMatch(/" in SOURCE is longer than 4096 bytes together with its source$/);
    });
  });

  it('tells all problems at once, at most 20 by name', async () => {
    await withSource(
      (source) => {
        for (let index = 0; index < 25; index += 1) fs.symlinkSync('/x', `${source}/l${index}`);
      },
      async (source) => {
        const all = await messages(source);
        expect(all).toHaveLength(21);
        expect(all.at(-1)).toBe('and 5 more in SOURCE');
      },
    );
  });

  it('refuses nothing that is ignored', async () => {
    await withSource(
      (source) => {
        execFileSync('mkfifo', [`${source}/pipe`]);
        fs.mkdirSync(`${source}/.git`);
        fs.symlinkSync('/x', `${source}/.git/abs`);
        fs.writeFileSync(`${source}/.droverignore`, '\ufeffpipe\r\n# a comment\r\n*.tmp\r\n!keep.tmp\r\n');
        fs.writeFileSync(`${source}/a.tmp`, '');
        fs.writeFileSync(`${source}/keep.tmp`, '');
        fs.writeFileSync(`${source}/b.map`, '');
      },
      async (source) => {
        const {entries, ignored} = await walk(source, {ignore: ['*.map']});
        expect(entries.map(({path}) => path)).toEqual(['keep.tmp']);
        expect(ignored).toBe(5);
      },
    );
  });

  it('keeps empty folders, and files with a replacement character in their name', async () => {
    await withSource(
      (source) => {
        fs.mkdirSync(`${source}/empty`);
        fs.writeFileSync(`${source}/\ufffd`, '');
      },
      async (source) => expect((await walk(source)).entries.map(({path}) => path)).toEqual(['empty', '\ufffd']),
    );
  });

  it('follows no link, and warns of those that lead nowhere', async () => {
    await withSource(
      (source) => {
        fs.mkdirSync(`${source}/d`);
        fs.symlinkSync('..', `${source}/d/up`);
        fs.symlinkSync('nowhere', `${source}/dangling`);
        fs.symlinkSync('loop', `${source}/loop`);
      },
      async (source) => {
        const {entries, warnings} = await walk(source);
        expect(entries.map(({path}) => path)).toEqual(['d', 'd/up', 'dangling', 'loop']);
        expect(warnings).toEqual([
          'link "dangling" -> "nowhere" points at nothing in the snapshot',
          'link "loop" -> "loop" leads in a circle',
        ]);
      },
    );
  });

  it('drops set-id bits with a warning', async () => {
    await withSource(
      (source) => {
        fs.writeFileSync(`${source}/su`, '');
        fs.chmodSync(`${source}/su`, 0o4755);
      },
      async (source) => {
        const {entries, warnings} = await walk(source);
        expect(entries).toMatchObject([{path: 'su', mode: 0o555}]);
        expect(warnings).toEqual(['the set-id bits of "su" (mode 4755) are dropped']);
      },
    );
  });

  it('refuses a source that is missing, a file, empty, or empty but for what is ignored', async () => {
    await withSource(
      () => undefined,
      async (source) => {
        expect(await catchProblems(() => walk(`${source}/dist`))).toMatchObject({
          code: 'not-found',
          message: `source ${source}/dist does not exist`,
        });
        const empty = await catchProblems(() => walk(source));
        expect(empty).toMatchObject({code: 'invalid-source', message: `source ${source} is empty`});
        expect(empty.problems[0].fix).toBe('build first, or pass --allow-empty');
        expect((await walk(source, {allowEmpty: true})).entries).toEqual([]);
        fs.writeFileSync(`${source}/.DS_Store`, '');
        expect(await messages(source)).toEqual(['source SOURCE is empty but for 1 ignored entries']);
        expect((await catchProblems(() => walk(`${source}/.DS_Store`))).message).toBe(`source ${source}/.DS_Store is not a directory`);
      },
    );
  });

  it('XS6 refuses more files or more folders than the limit, and counts them apart', async () => {
    await withSource(
      (source) => {
        for (let index = 0; index < 5; index += 1) fs.mkdirSync(`${source}/folder${index}`);
        for (let index = 0; index < 9; index += 1) fs.writeFileSync(`${source}/folder1/${index}`, '');
        fs.symlinkSync('1', `${source}/folder1/link`);
      },
      async (source) => {
        expect((await walk(source, {maxFiles: 10})).entries).toHaveLength(15);
        const {problems} = await catchProblems(() => walk(source, {maxFiles: 9}));
        expect(problems).toMatchObject([
          {message: `source ${source} holds more than 9 files`, fix: 'ignore some, or raise max-files of the app'},
        ]);
        expect(await messages(source, {maxFiles: 4, ignore: ['folder1/*']})).toEqual(['source SOURCE holds more than 4 folders']);
      },
    );
  });

  it('stops when it is told to', async () => {
    await withSource(
      (source) => fs.writeFileSync(`${source}/a`, ''),
      async (source) => expect(walk(source, {signal: AbortSignal.abort(new Error('enough'))})).rejects.toThrow('enough'),
    );
  });
});

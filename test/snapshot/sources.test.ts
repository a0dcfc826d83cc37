import {execFileSync} from 'node:child_process';
import fs from 'node:fs';
import {describe, expect, it} from 'vitest';
import type {CreatedSnapshot, SourceSet} from '../../src/lib/snapshot/create-snapshot.js';
import {decodeOrigins} from '../../src/lib/snapshot/origins.js';
import type {CommandOutput, TreeSource} from '../../src/lib/snapshot/tree-source.js';
import {catchProblems, openStore, snap, withFolder} from './fixture.js';

function make(root: string, files: Readonly<Record<string, string>>): string {
  for (const [name, content] of Object.entries(files)) {
    const file = `${root}/${name}`;
    fs.mkdirSync(file.slice(0, file.lastIndexOf('/')), {recursive: true});
    if (content.startsWith('-> ')) fs.symlinkSync(content.slice(3), file);
    else fs.writeFileSync(file, content);
  }
  return root;
}

const directory = (path: string, at?: string): TreeSource => ({
  kind: 'directory',
  name: path.slice(path.lastIndexOf('/') + 1),
  path,
  ...(at === undefined ? {} : {at}),
});

const merged = (parts: readonly TreeSource[], onConflict: SourceSet['onConflict'] = 'error'): SourceSet => ({parts, onConflict});

/** Path -> the source it came from. */
function origins({manifest, record}: CreatedSnapshot): Record<string, string | undefined> {
  const indexes = decodeOrigins(record.origins ?? '');
  return Object.fromEntries(manifest.entries.map(({path}, index) => [path, record.sources?.[indexes[index] ?? -1]?.name]));
}

async function readFile(folder: string, {manifest}: CreatedSnapshot, path: string): Promise<string> {
  const entry = manifest.entries.find((each) => each.path === path);
  if (entry?.kind !== 'file') throw new Error(`${path} is no file`);
  const pieces: Buffer[] = [];
  for await (const piece of await openStore(folder).open(entry.digest)) pieces.push(piece as Buffer);
  return Buffer.concat(pieces).toString();
}

describe('several sources', () => {
  it('become one tree, and each path knows where it came from', async () => {
    await withFolder(async (folder) => {
      const a = make(`${folder}/a`, {'index.html': 'A', 'css/a.css': 'a'});
      const b = make(`${folder}/b`, {'css/b.css': 'b', 'page.html': 'B'});
      const taken = await snap(folder, '', {source: merged([directory(a), directory(b), directory(b, 'mirror/of')])});
      expect(origins(taken)).toEqual({
        css: 'b',
        'css/a.css': 'a',
        'css/b.css': 'b',
        'index.html': 'a',
        mirror: 'b',
        'mirror/of': 'b',
        'mirror/of/css': 'b',
        'mirror/of/css/b.css': 'b',
        'mirror/of/page.html': 'b',
        'page.html': 'b',
      });
      expect(taken.record.sources).toEqual([{name: 'a'}, {name: 'b'}, {name: 'b', at: 'mirror/of'}]);
      expect(await readFile(folder, taken, 'mirror/of/css/b.css')).toBe('b');
    });
  });

  it('with the same tree give the id of that tree in one folder', async () => {
    await withFolder(async (folder) => {
      const a = make(`${folder}/a`, {'x/1': '1', y: '2'});
      const b = make(`${folder}/b`, {'x/3': '3'});
      const whole = make(`${folder}/whole`, {'x/1': '1', y: '2', 'x/3': '3'});
      const one = await snap(folder, whole);
      expect((await snap(folder, '', {source: merged([directory(a), directory(b)])})).record.id).toBe(one.record.id);
      expect((await snap(folder, '', {source: merged([directory(b), directory(a)])})).record.id).toBe(one.record.id);
    });
  });

  it('refuse a path that two of them have, each by name and all at once', async () => {
    await withFolder(async (folder) => {
      const a = make(`${folder}/a`, {same: '1', 'd/also': '2', mine: '3'});
      const b = make(`${folder}/b`, {same: '1', d: 'a file'});
      const error = await catchProblems(() => snap(folder, '', {source: merged([directory(a), directory(b)])}));
      expect(error.problems.map(({message}) => message)).toEqual(['"d" comes from a and from b', '"same" comes from a and from b']);
      expect(error).toMatchObject({code: 'invalid-source', exit: 3});
      expect(error.problems[0].fix).toContain('on-conflict');
    });
  });

  it.each([
    ['first', {d: 'a', 'd/also': 'a', mine: 'a', same: 'a', theirs: 'b'}, '1'],
    ['last', {d: 'b', mine: 'a', same: 'b', theirs: 'b'}, '2'],
  ] as const)('with on-conflict: %s take one of them, and say so', async (onConflict, expected, content) => {
    await withFolder(async (folder) => {
      const a = make(`${folder}/a`, {same: '1', 'd/also': '2', mine: '3'});
      const b = make(`${folder}/b`, {same: '2', d: 'a file', theirs: '4'});
      const taken = await snap(folder, '', {source: merged([directory(a), directory(b)], onConflict)});
      expect(origins(taken)).toEqual(expected);
      expect(await readFile(folder, taken, 'same')).toBe(content);
      const [won, lost] = onConflict === 'first' ? ['a', 'b'] : ['b', 'a'];
      expect(taken.warnings).toContain(`"same" is taken from ${won}; ${lost} has it too`);
    });
  });

  it('are judged as one tree: a link may lead from one into another, and not out of all', async () => {
    await withFolder(async (folder) => {
      const a = make(`${folder}/a`, {page: 'x'});
      const b = make(`${folder}/b`, {up: '-> ../page'});
      const taken = await snap(folder, '', {source: merged([directory(a), directory(b, 'sub')])});
      expect(taken.warnings).toEqual([]);
      expect(taken.manifest.entries.at(-1)).toMatchObject({path: 'sub/up', target: '../page'});
      const error = await catchProblems(() => snap(folder, '', {source: merged([directory(a), directory(b)])}));
      expect(error.message).toBe('"up" in a + b is a link to "../page", outside the tree');
    });
  });

  it('are not read again when nothing has changed', async () => {
    await withFolder(async (folder) => {
      const a = make(`${folder}/a`, {'1': 'one'});
      const b = make(`${folder}/b`, {'2': 'two'});
      for (const file of [`${a}/1`, `${b}/2`]) fs.utimesSync(file, new Date(0), new Date(0));
      const source = merged([directory(a), directory(b)]);
      // Five seconds on, so that the files do not count as just written.
      const now = (): number => Date.now() + 5000;
      const first = await snap(folder, '', {source, now});
      fs.chmodSync(`${folder}/a/1`, 0o644);
      const read: string[] = [];
      const {openSync} = fs;
      try {
        Object.assign(fs, {
          openSync: (...words: Parameters<typeof openSync>) => {
            read.push(String(words[0]));
            return openSync(...words);
          },
        });
        const again = await snap(folder, '', {source, now});
        expect(again.record.id).toBe(first.record.id);
      } finally {
        Object.assign(fs, {openSync});
      }
      expect(read.filter((file) => file.startsWith(b))).toEqual([]);
    });
  });

  it('that are all empty are refused unless that is meant', async () => {
    await withFolder(async (folder) => {
      fs.mkdirSync(`${folder}/a`);
      fs.mkdirSync(`${folder}/b`);
      const source = merged([directory(`${folder}/a`), directory(`${folder}/b`)]);
      expect(await catchProblems(() => snap(folder, '', {source, allowEmpty: false}))).toMatchObject({message: 'a + b are empty'});
    });
  });
});

const git = (folder: string, ...words: string[]): string =>
  execFileSync('git', ['-C', folder, '-c', 'user.name=n', '-c', 'user.email=e@example.com', ...words], {encoding: 'utf8'}).trim();

describe('a git revision', () => {
  const env = {PATH: process.env.PATH ?? '', HOME: '/nonexistent'};
  const revision = (repository: string, rev: string, path?: string): SourceSet =>
    merged([{kind: 'git', name: `git ${rev}`, repository, revision: rev, ...(path === undefined ? {} : {path})}]);

  function makeRepository(folder: string): string {
    const repository = make(`${folder}/repository`, {
      '.gitattributes': 'version export-subst\nsecret export-ignore\n',
      version: '$Format:%H$\n',
      secret: 's',
      'dist/page': 'committed\r\n',
      'dist/run': '#!/bin/sh\n',
      'dist/link': '-> page',
    });
    fs.chmodSync(`${repository}/dist/run`, 0o755);
    git(folder, 'init', '-q', '-b', 'main', 'repository');
    git(repository, 'add', '.');
    git(repository, 'commit', '-q', '-m', 'one');
    return repository;
  }

  it('is what git archive gives: attributes count, the working tree does not, and the commit is recorded', async () => {
    await withFolder(async (folder) => {
      const repository = makeRepository(folder);
      const commit = git(repository, 'rev-parse', 'HEAD');
      fs.writeFileSync(`${repository}/dist/page`, 'dirty');
      fs.writeFileSync(`${repository}/untracked`, 'x');
      git(repository, 'config', 'core.autocrlf', 'true');
      git(repository, 'config', 'tar.umask', '0077');
      const taken = await snap(folder, '', {source: revision(repository, 'main'), env});
      expect(taken.manifest.entries.map(({path}) => path)).toEqual([
        '.gitattributes',
        'dist',
        'dist/link',
        'dist/page',
        'dist/run',
        'version',
      ]);
      expect(await readFile(folder, taken, 'version')).toBe(`${commit}\n`);
      expect(await readFile(folder, taken, 'dist/page')).toBe('committed\r\n');
      expect(taken.manifest.entries.find(({path}) => path === 'dist/run')).toMatchObject({mode: 0o555});
      expect(taken.record.sources).toEqual([{name: 'git main', commit}]);
    });
  });

  it('may be a path of it', async () => {
    await withFolder(async (folder) => {
      const taken = await snap(folder, '', {source: revision(makeRepository(folder), 'HEAD', 'dist'), env});
      expect(taken.manifest.entries.map(({path}) => path)).toEqual(['link', 'page', 'run']);
    });
  });

  it('ignores the variables of a hook that names another repository', async () => {
    await withFolder(async (folder) => {
      const repository = makeRepository(folder);
      const hook = {...env, GIT_DIR: '/nowhere', GIT_INDEX_FILE: '/nowhere/index'};
      expect((await snap(folder, '', {source: revision(repository, 'main', 'dist'), env: hook})).manifest.files).toBe(2);
    });
  });

  it.each([
    ['no-such-branch', undefined, /^revision "no-such-branch" is not a commit of /],
    ['main', 'none', /^git main \(commit [0-9a-f]{12}\) has no "none"$/],
    ['main:dist', undefined, /^revision "main:dist" is not a commit of /],
    ['--output=/tmp/x', undefined, /^revision "--output=\/tmp\/x" is not a commit of /],
  ])('%s %s is refused', async (rev, path, message) => {
    await withFolder(async (folder) => {
      const error = await catchProblems(() => snap(folder, '', {source: revision(makeRepository(folder), rev, path), env}));
      expect(error).toMatchObject({code: 'invalid-source', message: expect.stringMatching(message)});
      expect(await openStore(folder).list()).toEqual([]);
      expect(fs.existsSync('/tmp/x')).toBe(false);
    });
  });

  it('of no repository, and where git is missing, is refused', async () => {
    await withFolder(async (folder) => {
      fs.mkdirSync(`${folder}/plain`);
      const inNone = {...env, GIT_CEILING_DIRECTORIES: folder};
      expect((await catchProblems(() => snap(folder, '', {source: revision(`${folder}/plain`, 'main'), env: inNone}))).message).toMatch(
        /plain is not a git repository/,
      );
      const without = await catchProblems(() => snap(folder, '', {source: revision(folder, 'main'), env: {PATH: folder}}));
      expect(without.problems[0]).toMatchObject({message: expect.stringContaining('git is needed'), fix: 'install git'});
    });
  });
});

/** Also when nobody has asked how it ended. */
function isGone(pid: number): boolean {
  try {
    return / Z /.test(fs.readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return true;
  }
}

describe('a command', () => {
  const env = {PATH: process.env.PATH ?? ''};
  const command = (folder: string, text: string, out: CommandOutput = {kind: 'given'}, deadlineMs = 60_000): SourceSet =>
    merged([{kind: 'run', name: 'command', command: text, folder, out, deadlineMs}]);

  it.each<[string, string, CommandOutput['kind']]>([
    ['fills the folder it is given', 'echo hello >"$DROVER_OUT/f"', 'given'],
    ['makes a folder of its own', 'mkdir out && echo hello >out/f', 'folder'],
    ['writes a tar', 'mkdir t && echo hello >t/f && tar -C t -c f', 'tar'],
  ])('%s', async (_, text, kind) => {
    await withFolder(async (folder) => {
      const out = kind === 'folder' ? {kind, path: `${folder}/out`} : {kind};
      const taken = await snap(folder, '', {source: command(folder, text, out), env});
      expect(await readFile(folder, taken, 'f')).toBe('hello\n');
      expect(fs.readdirSync(`${folder}/store/sources`)).toEqual([]);
    });
  });

  it('is heard line by line, both of its outputs', async () => {
    await withFolder(async (folder) => {
      const heard: string[] = [];
      const text = 'echo one; echo two >&2; printf three; echo x >"$DROVER_OUT/f"';
      await snap(folder, '', {source: command(folder, text), env, say: (line) => heard.push(line)});
      expect(heard.sort()).toEqual(['one', 'three', 'two']);
    });
  });

  it.each([
    ['fails', 'echo x >"$DROVER_OUT/f"; echo broken >&2; exit 3', 'given', 'command exited 3; nothing was stored'],
    ['is killed', 'kill -9 $$', 'given', 'command was ended by SIGKILL; nothing was stored'],
    ['fails after a whole tar', 'mkdir t && tar -c t; exit 4', 'tar', 'command exited 4; nothing was stored'],
    [
      'fails in the middle of a tar',
      'mkdir t && echo x >t/f && tar -c t | head -c 700; exit 5',
      'tar',
      'command exited 5; nothing was stored',
    ],
    [
      'writes half a tar and calls it done',
      'mkdir t && echo x >t/f && tar -c t | head -c 700',
      'tar',
      'the output of command was cut: its end is missing',
    ],
    ['writes no tar', 'echo hello', 'tar', 'the output of command was cut: its end is missing'],
    ['writes no end of it', 'yes', 'tar', /^the output of command has a bad number in a header/],
  ] as const)('that %s leaves nothing', async (_, text, kind, message) => {
    await withFolder(async (folder) => {
      const heard: string[] = [];
      const error = await catchProblems(() =>
        snap(folder, '', {source: command(folder, text, {kind}), env, say: (line) => heard.push(line)}),
      );
      expect(error).toMatchObject({code: 'invalid-source', exit: 3});
      expect(error.message).toEqual(typeof message === 'string' ? message : expect.stringMatching(message));
      expect(await openStore(folder).list()).toEqual([]);
      expect(fs.readdirSync(`${folder}/store/sources`)).toEqual([]);
      if (text.includes('broken')) expect(heard).toEqual(['broken']);
    });
  });

  it('that is late is ended, with all it started', async () => {
    await withFolder(async (folder) => {
      const text = 'sleep 300 & echo $! >pid; wait';
      const error = await catchProblems(() => snap(folder, '', {source: command(folder, text, {kind: 'given'}, 500), env}));
      expect(error.message).toBe('command was not done after 0.5 s; nothing was stored');
      await expect.poll(() => isGone(Number(fs.readFileSync(`${folder}/pid`, 'utf8')))).toBe(true);
    });
  });

  it('ends with the one who waits for it', async () => {
    await withFolder(async (folder) => {
      const controller = new AbortController();
      const stop = (line: string): void => {
        if (line === 'ready') controller.abort(new Error('enough'));
      };
      const taking = snap(folder, '', {
        source: command(folder, 'echo $$ >pid; echo ready; exec sleep 300'),
        env,
        say: stop,
        signal: controller.signal,
      });
      await expect(taking).rejects.toThrow('enough');
      await expect.poll(() => isGone(Number(fs.readFileSync(`${folder}/pid`, 'utf8')))).toBe(true);
      expect(fs.readdirSync(`${folder}/store/sources`)).toEqual([]);
    });
  });
});

import {execFileSync} from 'node:child_process';
import {appendFile, mkdir, mkdtemp, readdir, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import {type Ended, runDrover} from './drover.js';

let dir: string;
const drover = (...words: string[]): Promise<Ended> => runDrover(words, {cwd: dir});
const write = async (file: string, text: string): Promise<void> => {
  await mkdir(path.dirname(path.join(dir, file)), {recursive: true});
  await writeFile(path.join(dir, file), text);
};
/** A project whose app has this source. */
const setSource = (source: string, more = ''): Promise<void> =>
  write('drover.yml', `apps: {site: {source: ${source}, root: /srv/site, hosts: all${more}}}\n`);
const snapshots = async (): Promise<string[]> => {
  const {stdout} = await drover('snapshot', 'list', '--json');
  return (JSON.parse(stdout) as {snapshots: {id: string}[]}).snapshots.map(({id}) => id);
};

beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'drover-take-'));
  for (let index = 0; index < 10; index += 1) await write(`a/${index}`, `page ${index}`);
  await setSource('./a');
});

afterEach(() => rm(dir, {recursive: true, force: true}));

describe('drover snapshot', () => {
  it('takes a tar on standard input, and the same tree gives the same id', async () => {
    const folder = await drover('snapshot');
    const tar = execFileSync('tar', ['-C', path.join(dir, 'a'), '-c', '.']);
    const piped = await runDrover(['snapshot', '--from-tar', '-'], {cwd: dir, stdin: tar});
    expect(piped.stdout, piped.stderr).toBe(folder.stdout);
    await writeFile(path.join(dir, 'a.tar'), tar);
    expect((await drover('snapshot', '--from-tar', 'a.tar')).stdout).toBe(folder.stdout);
  });

  it('shows which source a path came from, for people and for machines', async () => {
    await write('b/extra', 'x');
    await setSource('[./a, {from: ./b, at: sub}]');
    await drover('snapshot');
    expect((await drover('snapshot', 'show', '--files')).stdout).toMatch(/^source {3}\.\/b at sub\/$.* sub\/extra {2}\(\.\/b\)$/ms);
    const shown = JSON.parse((await drover('snapshot', 'show', '--files', '--json')).stdout) as {entries: {path: string; source: string}[]};
    expect(shown.entries.find(({path: at}) => at === 'sub/extra')?.source).toBe('./b');
    expect(shown.entries.find(({path: at}) => at === '3')?.source).toBe('./a');
  });

  it('shows the note of a snapshot in both lists', async () => {
    await drover('snapshot', '--note', 'before the sale', '--label', 'build=7');
    expect((await drover('snapshot', 'list')).stdout).toContain('before the sale');
    expect((await drover('snapshot', 'show')).stdout).toContain('note     before the sale\n');
  });

  it('shows what a command says, and stores nothing when it fails', async () => {
    await setSource(`{run: 'echo "compile error" >&2; exit 2'}`);
    const ended = await drover('snapshot');
    expect(ended.status).toBe(3);
    expect(ended.stderr).toContain('  compile error\n');
    expect(ended.stderr).toMatch(/error\[invalid-source\]: command ".*" exited 2; nothing was stored/);
    expect(await snapshots()).toEqual([]);
    expect(await readdir(path.join(dir, '.drover/store/sources'))).toEqual([]);
  });

  it('T8: makes control characters of a command visible', async () => {
    await setSource(`{run: 'printf "\\\\033[2Jgone\\\\n"; exit 2'}`);
    expect((await drover('snapshot')).stderr).toContain('\\x1b[2Jgone');
  });

  it('refuses a tree that lost or gained more than half, with both figures, unless that is meant', async () => {
    for (let index = 10; index < 40; index += 1) await write(`a/${index}`, 'short\n');
    await drover('snapshot');
    for (let index = 4; index < 40; index += 1) await rm(path.join(dir, `a/${index}`));
    const shrunk = await drover('snapshot');
    expect(shrunk.status).toBe(4);
    expect(shrunk.stderr).toMatch(
      /^error\[refused\]: app "site" would change from 40 to 4 files \(-90 %\) since its last snapshot [0-9a-f]{12}; if that is right, pass --size-changed\n$/,
    );
    expect(await snapshots()).toHaveLength(1);
    expect((await drover('snapshot', '--size-changed')).status).toBe(0);
    await appendFile(path.join(dir, 'a/1'), 'x'.repeat(1024 * 1024));
    expect((await drover('snapshot')).stderr).toMatch(/from \d+ to 1,048,\d+ bytes \(\+\d+ %\)/);
  });

  it('takes a change of just half, and one of a few files or bytes, but not the loss of every byte', async () => {
    for (let index = 10; index < 40; index += 1) await write(`a/${index}`, 'short\n');
    await drover('snapshot');
    for (let index = 20; index < 40; index += 1) await rm(path.join(dir, `a/${index}`));
    expect((await drover('snapshot')).status).toBe(0);
    for (let index = 1; index < 20; index += 1) await rm(path.join(dir, `a/${index}`));
    expect((await drover('snapshot')).status).toBe(0);
    await writeFile(path.join(dir, 'a/0'), '');
    expect((await drover('snapshot')).stderr).toMatch(/from \d+ to 0 bytes \(-100 %\)/);
  });

  it('T29: warns of secrets by path, every time; --strict refuses and stores nothing', async () => {
    await write('a/.env', 'PASSWORD=x');
    await write('a/app.js', `const key = 'AKIA${'IOSFODNN7EXAMPLE'}';\n`);
    await write('a/certs/server.pem', `-----BEGIN ${'PRIVATE KEY'}-----\nabc\n`);
    const strict = await drover('snapshot', '--strict');
    expect(strict.status).toBe(4);
    expect(strict.stderr).toContain('error[refused]: 3 warnings with --strict; nothing was stored');
    expect(await snapshots()).toEqual([]);
    for (let time = 0; time < 2; time += 1) {
      const ended = await drover('snapshot');
      expect(ended.status, ended.stderr).toBe(0);
      const named = ended.stderr.split('\n').filter((line) => line.startsWith('warning: '));
      expect(named.map((line) => line.split(';')[0])).toEqual([
        'warning: ".env" looks like a file of secrets',
        'warning: "app.js" holds an AWS key',
        'warning: "certs/server.pem" holds a private key',
      ]);
    }
    expect((await drover('snapshot', 'show')).stdout).toContain('secret   "app.js" holds an AWS key');
  });

  it.each<[words: string[], status: number, stderr: RegExp]>([
    [['--from-tar', 'a.tar', '--source', 'a'], 2, /^error\[usage\]: use --source or --from-tar, not both; name one tree\n$/],
    [['--from-tar', ''], 2, /^error\[usage\]: --from-tar is empty; name a file, or -\n$/],
    [['--source', ''], 2, /^error\[usage\]: --source is empty; name a folder\n$/],
    [['--from-tar', 'none.tar'], 3, /^error\[not-found\]: archive .*none\.tar does not exist; name the archive\n$/],
    [['--from-tar', 'a'], 3, /^error\[invalid-source\]: .*\/a is a directory, not an archive; use it as a source directly\n$/],
    [['--from-tar', 'drover.yml'], 3, /^error\[invalid-source\]: drover\.yml was cut: its end is missing; make the archive again\n$/],
    [['--from-tar', '-'], 3, /^error\[invalid-source\]: standard input is empty; check what writes it\n$/],
    [['--note', ''], 2, /^error\[usage\]: --note must be one line of 1 to 500 characters, got ""\n$/],
    [['--note', 'a\nb'], 2, /^error\[usage\]: --note must be one line .* got "a\\nb"\n$/],
    [
      ['--embargo-until', 'tomorrow'],
      2,
      /^error\[usage\]: --embargo-until must be a time with its zone, or \+ and a duration, got "tomorrow"; for example /,
    ],
    [['--embargo-until', '2099-01-01T00:00'], 2, /^error\[usage\]: --embargo-until must be a time with its zone/],
    [['--embargo-until', '2099-02-30T00:00Z'], 2, /^error\[usage\]: --embargo-until must be a time with its zone/],
    [['--embargo-until', '+5'], 2, /^error\[usage\]: --embargo-until needs a unit/],
    [
      ['--embargo-until', '2001-01-01T00:00Z'],
      2,
      /^error\[usage\]: --embargo-until 2001-01-01T00:00Z has passed; name a time to come, or none\n$/,
    ],
    [['--label', 'x'], 2, /^error\[usage\]: --label "x" is not name=value/],
    [['--source', 'nowhere'], 3, /^error\[not-found\]: source .*nowhere does not exist/],
  ])('%j is refused in one line', async (words, status, stderr) => {
    const ended = await drover('snapshot', 'site', ...words);
    expect([ended.status, ended.stdout]).toEqual([status, '']);
    expect(ended.stderr).toMatch(stderr);
  });

  it.each<[source: string, more: string, stderr: RegExp]>([
    [
      '{git: ., rev: --all}',
      '',
      /^error\[invalid-file\]: rev "--all" is not a valid revision \(drover\.yml:1:\d+\); a branch, tag or commit\n$/,
    ],
    ['{from: ./a, at: ../x}', '', /^error\[invalid-file\]: at "\.\.\/x" is not a valid path .*; a relative path without \. or \.\.\n$/],
    ['{run: make, out: dist, tar: true}', '', /^error\[invalid-file\]: a command has either out or tar, not both .*; remove one\n$/],
    ['{run: make, deadline: 5}', '', /^error\[invalid-file\]: deadline needs a unit/],
    ['{form: ./a}', '', /^error\[invalid-file\]: unknown key "form" .*; did you mean "from"\?\n$/],
    ['[]', '', /^error\[invalid-file\]: source is empty .*; name at least one\n$/],
    ['./a', ', on-conflict: newest', /^error\[invalid-file\]: on-conflict must be "error", "first" or "last", got "newest"/],
  ])('source: %s%s in drover.yml is refused with its place', async (source, more, stderr) => {
    await setSource(source, more);
    const ended = await drover('snapshot');
    expect([ended.status, ended.stdout]).toEqual([3, '']);
    expect(ended.stderr).toMatch(stderr);
  });
});

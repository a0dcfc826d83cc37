import {spawnSync} from 'node:child_process';
import {createReadStream} from 'node:fs';
import {chmod, lstat, readdir, readFile, writeFile} from 'node:fs/promises';
import {Readable} from 'node:stream';
import {afterEach, describe, expect, it} from 'vitest';
import {itUnder, linkWith, listIncoming, readTree, type Shell, Site, shells, type TreeSpec} from './verb-site.js';

const odd: TreeSpec = {
  'plain.txt': 'one',
  'a b/ c ': 'blank',
  "it's": 'quote',
  '"double"': 'double',
  'back\\slash\\n': 'backslash',
  'ünï/çødé ☃': 'unicode',
  '-rf': 'dash',
  '$(touch planted)': 'dollar',
  '`touch planted`;&|*?[x]#!~%s': 'all',
  '.hidden/.deep/.file': 'hidden',
  [`${'n'.repeat(120)}/${'m'.repeat(120)}`]: 'long',
};

describe.each(shells)('staging under $name', (shell: Shell) => {
  const {eachShell} = itUnder(shell);
  let site: Site;
  afterEach(() => site.remove());

  it('T5 V5: brings a tree whole, with exact modes and no name changed', async () => {
    site = await Site.make(shell);
    const id = await site.stage({
      ...odd,
      'bin/run': {mode: 0o755, text: '#!/bin/sh\n'},
      private: {mode: 0o500, text: 'x'},
      empty: {mode: 0o750},
      'empty-file': '',
      latest: {to: 'ünï/çødé ☃'},
    });
    const tree = await readTree(site.at('releases', id));
    for (const [name, text] of Object.entries(odd)) expect(tree[name], name).toBe(`444 ${text}`);
    expect(tree).toMatchObject({
      'bin/run': '555 #!/bin/sh\n',
      bin: '555/',
      private: '500 x',
      empty: '550/',
      'empty-file': '444 ',
      latest: '-> ünï/çødé ☃',
    });
    expect(Object.keys(tree)).toHaveLength(Object.keys(odd).length + 11);
    expect(((await lstat(site.at('releases', id))).mode & 0o7777).toString(8)).toBe('555');
    expect(await listIncoming(site)).toEqual([]);
    expect(await site.events()).toEqual([`staged ${id}`]);
    await site.app.verify(id);
    expect(await site.send(id)).toEqual({kind: 'unchanged'});
  });

  it('applies every kind of change to a linked base and leaves the base as it was', async () => {
    site = await Site.make(shell);
    // More of each kind than a command is given at once.
    const many = (name: string, text: string): TreeSpec =>
      Object.fromEntries(Array.from({length: 60}, (_, index) => [name.replace('#', `${index}`), text]));
    const before: TreeSpec = {
      ...odd,
      ...many('emptied/# of/all', 'x'),
      ...many('wide/# of/gone', 'x'),
      ...many('wide/# of/kept', 'x'),
      keep: 'same',
      'change me': 'old',
      mode: {mode: 0o644, text: 'm'},
      gone: 'bye',
      'dir-gone/a/b': 'bye',
      'dir-to-file/x': 'x',
      'file-to-dir': 'f',
      link: {to: 'keep'},
      'link-to-file': {to: 'keep'},
      'file-to-link': 'f',
      'dir-to-link/y': 'y',
      'dir-mode': {mode: 0o755},
      'dir-mode/z': 'z',
    };
    const after: TreeSpec = {
      ...Object.fromEntries(Object.entries(odd).filter(([name]) => name !== '-rf')),
      ...many('wide/# of/kept', 'x'),
      keep: 'same',
      'change me': 'new',
      mode: {mode: 0o755, text: 'm'},
      'dir-to-file': 'now a file',
      'file-to-dir/inner': 'i',
      link: {to: 'change me'},
      'link-to-file': 'now a file',
      'file-to-link': {to: 'keep'},
      'dir-to-link': {to: 'file-to-dir'},
      'dir-mode': {mode: 0o700},
      'dir-mode/z': 'z',
      'dir new/deep er/$HOME': 'added',
    };
    const base = await site.stage(before);
    const old = await readTree(site.at('releases', base));
    const id = await site.stage(after, {base});
    const fresh = await Site.make(shell);
    const same = await fresh.stage(after);
    expect(same).toBe(id);
    expect(await readTree(site.at('releases', id))).toEqual(await readTree(fresh.at('releases', id)));
    expect(await readTree(site.at('releases', base))).toEqual(old);
    const inode = async (release: string, name: string): Promise<number> => (await lstat(site.at('releases', release, name))).ino;
    expect(await inode(id, 'keep')).toBe(await inode(base, 'keep'));
    expect(await inode(id, 'change me')).not.toBe(await inode(base, 'change me'));
    expect(await readFile(site.at('.drover', 'manifests', id))).toEqual(await readFile(fresh.at('.drover', 'manifests', id)));
    await Promise.all([site.app.verify(id), site.app.verify(base)]);
    await fresh.remove();
    // And back, to a tree that only loses.
    const empty = await site.stage({}, {base: id});
    expect(await readTree(site.at('releases', empty))).toEqual({});
  });

  it('makes links of the app, and takes them along to the next release', async () => {
    site = await Site.make(shell);
    await site.own('shared');
    await writeFile(site.at('shared', 'env'), 'SECRET');
    const links = {uploads: 'shared/up loads', 'config/env': 'shared/env', 'a/b/c': 'shared/deep'};
    const base = await site.stage({'config/x': '1', 'a/b/y': '1'}, {links});
    const id = await site.stage({'config/x': '2', 'a/b/y': '1'}, {base, links});
    for (const release of [base, id]) {
      expect(await readTree(site.at('releases', release))).toMatchObject({
        uploads: '-> ../../shared/up loads',
        'config/env': '-> ../../../shared/env',
        'a/b/c': '-> ../../../../shared/deep',
      });
      expect(await readFile(site.at('releases', release, 'config/env'), 'utf8')).toBe('SECRET');
      await site.app.verify(release);
    }
    const without = await site.stage({'config/x': '3'}, {base: id});
    expect(await readTree(site.at('releases', without))).toEqual({config: '555/', 'config/x': '444 3'});
  });

  eachShell('reads again what was touched in the base since it was proved, and finds what was changed', async () => {
    site = await Site.make(shell);
    const before: TreeSpec = {'a/f': 'one', 'a/g': 'two', 'b/h': 'three', l: {to: 'a/f'}};
    const after: TreeSpec = {...before, 'b/h': 'four'};
    const base = await site.stage(before);
    const id = await site.snapshot(after);
    const at = site.at('releases', base);
    const run = (script: string): void =>
      expect(spawnSync('sh', ['-ec', `chmod u+w . a a/f; ${script}; chmod 444 a/f; chmod 555 a .`], {cwd: at}).status, script).toBe(0);
    for (const harm of [
      'printf 1ne >a/f',
      'rm a/f; printf 1ne >a/f',
      'touch a/x',
      'rm -f l; ln -s b/h l',
      'chmod 555 a/g',
      'rm -f a/g',
      'mkdir a/d',
    ]) {
      run(harm);
      await expect(site.send(id, {base}), harm).rejects.toMatchObject({failure: 'damaged'});
      run('rm -rf a/x a/d l a/f a/g; printf one >a/f; printf two >a/g; chmod 444 a/g; ln -s a/f l');
      if (shell.uid !== undefined) spawnSync('chown', ['-hR', `${shell.uid}:${shell.uid}`, at]);
      await site.app.verify(base);
    }
    run('touch a/f');
    await site.send(id, {base});
    await Promise.all([site.app.verify(base), site.app.verify(id)]);
  });

  eachShell('refuses links that would hide a path, or have no folder', async () => {
    site = await Site.make(shell);
    const id = await site.snapshot({'config/x': '1', into: {to: 'config'}});
    await expect(site.send(id, {links: {config: 'shared/config'}})).rejects.toMatchObject({
      failure: 'unsafe',
      message: expect.stringContaining('has a path config of its own'),
    });
    await expect(site.send(id, {links: {'none/x': 'shared/x'}})).rejects.toMatchObject({
      failure: 'unsafe',
      message: expect.stringContaining('has no folder none'),
    });
    await expect(site.send(id, {links: {'into/y': 'shared/x'}})).rejects.toMatchObject({failure: 'unsafe'});
    expect(await readdir(site.at('releases'))).toEqual([]);
  });

  it('C14: gives the same modes under any umask and below a folder that hands on its group', async () => {
    site = await Site.make(shell);
    const spec: TreeSpec = {'a/f': 'x', 'b/run': {mode: 0o755, text: 'y'}, c: {mode: 0o711}};
    const id = await site.snapshot(spec);
    await site.send(id);
    const expected = await readTree(site.at('releases', id));
    for (const umask of ['000', '027', '077']) {
      const other = await Site.make(shell);
      await chmod(other.root, 0o2755);
      const app = other.appOver(linkWith(shell, {before: `umask ${umask}; `}));
      await other.stage(spec, {app});
      expect(await readTree(other.at('releases', id))).toEqual(expected);
      expect(((await lstat(other.at('.drover'))).mode & 0o777).toString(8)).toBe('700');
      await other.remove();
    }
  });

  eachShell('continues a part that was cut, and starts again when what it has is not ours', async () => {
    site = await Site.make(shell);
    const id = await site.snapshot({big: Array.from({length: 40_000}, () => Math.random().toString(36)).join('')});
    const delta = await site.delta(undefined, id);
    const half = Math.floor(delta.bytes / 2);
    const request = site.request(delta);
    await site.app.stageOpen(request);
    const had = await site.app.stagePut(request, 0, createReadStream(delta.path, {end: half - 1}), {idleMs: 10_000, totalMs: 10_000});
    expect(had).toBe(half);
    expect(await site.send(id)).toEqual({kind: 'staged', sentBytes: delta.bytes - half, resumedBytes: half});
    const other = await Site.make(shell);
    const wrong = other.request(delta);
    await other.app.stageOpen(wrong);
    await other.app.stagePut(wrong, 0, Readable.from([Buffer.alloc(half, 'z')]), {idleMs: 10_000, totalMs: 10_000});
    await expect(other.app.stagePut(wrong, 7, Readable.from([Buffer.from('x')]), {idleMs: 10_000, totalMs: 10_000})).rejects.toMatchObject({
      failure: 'conflict',
    });
    await expect(other.app.stageCommit(wrong, {})).rejects.toMatchObject({failure: 'damaged', code: 'integrity'});
    expect(await readdir(other.at('releases'))).toEqual([]);
    await other.remove();
  });

  it('finds every kind of damage to a release', async () => {
    site = await Site.make(shell);
    const spec: TreeSpec = {'a/f': 'x', 'a/g': {mode: 0o755, text: 'y'}, l: {to: 'a/f'}, 'back\\slash': 'z'};
    const id = await site.stage(spec);
    const at = site.at('releases', id);
    const harm = async (how: string, undo: string): Promise<void> => {
      const run = (script: string) => import('node:child_process').then(({spawnSync}) => spawnSync('sh', ['-ec', script], {cwd: at}));
      expect((await run(`chmod u+w . a; ${how}`)).status, how).toBe(0);
      await expect(site.app.verify(id), how).rejects.toMatchObject({failure: 'damaged'});
      await run(`${undo}; chmod 555 . a`);
      await site.app.verify(id);
    };
    await harm('chmod u+w a/f; printf X >a/f; chmod 444 a/f', 'chmod u+w a/f; printf x >a/f; chmod 444 a/f');
    await harm('mv a/f a/h', 'mv a/h a/f');
    await harm('touch a/extra', 'rm -f a/extra');
    await harm('mkdir -m 555 d', 'rmdir d');
    await harm('chmod 555 a/f; chmod 444 a/g', 'chmod 444 a/f; chmod 555 a/g');
    await harm('chmod 4555 a/g', 'chmod 555 a/g');
    await harm('ln -sfn a/g l', 'ln -sfn a/f l');
    await harm('mkfifo p', 'rm p');
    await harm(
      'rm -f "back\\\\slash"; printf z >backslash; chmod 444 backslash',
      'rm -f backslash; printf z >"back\\\\slash"; chmod 444 "back\\\\slash"',
    );
  });
});

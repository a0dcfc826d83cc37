import {spawnSync} from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {PassThrough, Readable} from 'node:stream';
import {buffer} from 'node:stream/consumers';
import {afterAll, describe, expect, it} from 'vitest';
import {type CopyTarget, getCopy, putCopy, readTarget} from '../../src/lib/host/host-copy.js';
import {type CopiedTree, readCopied} from '../../src/lib/snapshot/copied-tree.js';
import {unpackTar} from '../../src/lib/snapshot/unpack-tar.js';
import {patiently} from './some-host.js';
import {isRoot, linkWith, type Shell, shells} from './verb-site.js';

const list = (folder: string): string =>
  spawnSync('find', [folder, '-printf', '%P %y %m %l\n'], {encoding: 'utf8'}).stdout.split('\n').sort().join('\n');

// The prelude of all verbs is tried elsewhere, under bash too.
describe.each(shells.filter(({name, uid}) => name !== 'bash' && (name !== 'dash' || !isRoot || uid !== undefined)))(
  'copies under $name',
  {timeout: 300_000},
  (shell: Shell) => {
    const link = linkWith(shell);
    const dir = mkdtempSync(path.join(tmpdir(), 'drover-copy-'));
    const source = path.join(dir, 'source');
    const there = path.join(dir, 'there');
    mkdirSync(path.join(source, 'a  b/-empty'), {recursive: true});
    mkdirSync(there);
    if (shell.uid !== undefined) chownSync(there, shell.uid, shell.uid);
    chmodSync(dir, 0o755);
    writeFileSync(path.join(source, '-n'), 'one\n');
    writeFileSync(path.join(source, "a  b/$(x) 'q' *"), 'two\n');
    writeFileSync(path.join(source, 'a  b', `${'n'.repeat(150)} ✓`), '#!/bin/sh\n');
    chmodSync(path.join(source, '-n'), 0o750);
    symlinkSync('../-n', path.join(source, 'a  b/link'));
    symlinkSync('/etc/hostname', path.join(source, 'absolute'));
    afterAll(() => rmSync(dir, {recursive: true, force: true}));

    const put = async (tree: CopiedTree, name: string, more: {merge?: boolean; cut?: number} = {}): Promise<string> => {
      const {digest, mode} = tree;
      const kind = more.merge === true ? 'merge' : tree.kind;
      const target: CopyTarget = {
        path: path.join(there, name),
        kind,
        ...(digest === undefined ? {} : {digest}),
        ...(mode === undefined ? {} : {mode}),
      };
      try {
        if ((await readTarget(link, target, tree.manifest, patiently)) === 'same') return 'same';
        const archive = await buffer(Readable.from(tree.archive()));
        await putCopy(link, target, Readable.from([archive.subarray(0, more.cut ?? archive.length)]), {totalMs: 60_000, signal: patiently});
        return 'put';
      } catch (error) {
        return (error as Error).message.replace(/^web1: /, '').replaceAll(there, '');
      }
    };

    it('come whole with their permissions, or leave what is there; a tree is merged file by file', async () => {
      const tree = await readCopied(source, patiently);
      const archiveBytes = (await buffer(Readable.from(tree.archive()))).length;
      for (const cut of [0, Math.round(archiveBytes / 2), archiveBytes - 1500])
        expect(await put(tree, 'tree', {cut})).toContain('the copy did not arrive whole');
      expect(readdirSync(there)).toEqual([]);
      expect([await put(tree, 'tree'), await put(tree, 'tree')]).toEqual(['put', 'same']);
      expect(list(path.join(there, 'tree'))).toBe(list(source));
      expect(readFileSync(path.join(there, 'tree', "a  b/$(x) 'q' *"), 'utf8')).toBe('two\n');

      writeFileSync(path.join(there, 'tree', 'own'), 'stays\n');
      expect(await put(tree, 'tree')).toBe(
        '/tree is there and differs, first at own; --merge puts the files into it, or copy to another name',
      );
      mkdirSync(path.join(source, 'new/below'), {recursive: true});
      writeFileSync(path.join(source, 'new/below/file'), 'new\n');
      writeFileSync(path.join(source, '-n'), 'changed\n');
      const larger = await readCopied(source, patiently);
      expect(await put(larger, 'tree', {merge: true})).toBe('put');
      rmSync(path.join(there, 'tree', 'own'));
      expect(await put(larger, 'tree')).toBe('same');
      rmSync(path.join(there, 'tree/new'), {recursive: true});
      writeFileSync(path.join(there, 'tree/new'), 'in the way');
      writeFileSync(path.join(source, '-n'), 'again\n');
      expect(await put(await readCopied(source, patiently), 'tree', {merge: true})).toBe('/tree/new is no folder');
      expect(readFileSync(path.join(there, 'tree/-n'), 'utf8')).toBe('changed\n');

      const file = await readCopied(path.join(source, '-n'), patiently);
      expect([file.name, await put(file, '- f'), await put(file, '- f')]).toEqual(['-n', 'put', 'same']);
      chmodSync(path.join(there, '- f'), 0o600);
      writeFileSync(path.join(there, '- f'), 'other\n');
      expect(await put(file, '- f', {cut: 2000})).toContain('did not arrive whole');
      expect(readFileSync(path.join(there, '- f'), 'utf8')).toBe('other\n');
      expect(await put(file, '- f')).toBe('put');
      expect([readFileSync(path.join(there, '- f'), 'utf8'), statSync(path.join(there, '- f')).mode & 0o7777]).toEqual(['again\n', 0o750]);
      symlinkSync('nowhere', path.join(there, 'link'));
      expect(await put(file, 'link')).toBe('/link is a link to nowhere; name what it points to');
      expect(await put(file, 'tree')).toBe('/tree is a folder; end it with / to copy into it');
      expect(await put(file, 'no/such')).toBe('folder /no is not on this host; make it first');
      expect(await put(tree, '- f')).toBe('/- f is no folder');
      expect(readdirSync(there).sort()).toEqual(['- f', 'link', 'tree']);
    });

    it('come back as they are, and what cannot come is told', async () => {
      const tree = await readCopied(source, patiently);
      expect(await put(tree, 'back')).toBe('put');
      const fetch = async (name: string): Promise<readonly string[] | string> => {
        const into = mkdtempSync(path.join(dir, 'into-'));
        const stream = new PassThrough();
        const unpacking = unpackTar({
          stream,
          into,
          name,
          leaveOutLinks: true,
          limits: {maxEntries: 100, maxBytes: 10_000},
          signal: patiently,
        });
        unpacking.catch(() => undefined);
        try {
          expect(await getCopy(link, path.join(there, name), stream, {totalMs: 60_000, signal: patiently})).toMatchObject({status: 0});
          return [...(await unpacking), list(path.join(into, name))];
        } catch (error) {
          return (error as Error).message.replace(/^web1: /, '').replaceAll(there, '');
        }
      };
      expect(await fetch('back')).toEqual([
        'the link "back/absolute" -> "/etc/hostname" is left out: its target is absolute',
        list(source).replace('absolute l 777 /etc/hostname\n', ''),
      ]);
      expect(await fetch('none')).toMatch(/^\/none is not on this host, or /);
      spawnSync('mkfifo', [path.join(there, 'back/pipe')]);
      expect(await fetch('back')).toMatch(/"\.?\/?back\/pipe", which is a named pipe/);
    });

    it.skipIf(!isRoot)('leave nothing on a disk that is full', async () => {
      const full = path.join(there, 'full');
      mkdirSync(full);
      const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=777', 'full', full]).status === 0;
      if (!mounted) return;
      try {
        writeFileSync(path.join(dir, 'large'), Buffer.alloc(3_000_000, 'x'));
        writeFileSync(path.join(full, 'kept'), 'kept\n');
        expect(await put(await readCopied(path.join(dir, 'large'), patiently), 'full/kept')).toBe('the disk is full below /full');
        expect([readdirSync(full), readFileSync(path.join(full, 'kept'), 'utf8')]).toEqual([['kept'], 'kept\n']);
      } finally {
        spawnSync('umount', [full]);
      }
    });
  },
);

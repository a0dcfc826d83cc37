import {chmod, lstat, mkdir, readFile, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {Readable} from 'node:stream';
import {gzipSync} from 'node:zlib';
import {afterEach, describe, expect, it} from 'vitest';
import type {SnapshotId} from '../../src/lib/snapshot/manifest.js';
import {packEntry, type RawEntry} from './raw-tar.js';
import {digestOf, linkWith, listIncoming, readTree, type Shell, Site, shells, type TreeSpec} from './verb-site.js';

const same = 'export * from "./same.js";\n';
const twins: TreeSpec = {
  'a/one': same,
  'a/two': same,
  'b c/three': same,
  [`long/${'n'.repeat(120)}`]: same,
  run: {mode: 0o755, text: same},
  'run too': {mode: 0o755, text: same},
  'empty/1': '',
  'empty/2': '',
  other: 'other',
};

// GNU and BusyBox each have their own tar.
describe.each(shells.filter(({name}) => name !== 'bash'))('files of the same bytes under $name', (shell: Shell) => {
  let site: Site;
  afterEach(() => site.remove());

  const inodeOf = async (id: string, name: string): Promise<number> => (await lstat(site.at('releases', id, name))).ino;

  it('are one file of a release where their modes are the same as well', async () => {
    site = await Site.make(shell);
    const id = await site.stage(twins);
    const tree = await readTree(site.at('releases', id));
    expect(tree).toMatchObject({
      'a/one': `444 ${same}`,
      'a/two': `444 ${same}`,
      'b c/three': `444 ${same}`,
      run: `555 ${same}`,
      'empty/2': '444 ',
    });
    const [one, three, long, run, runToo] = await Promise.all(
      ['a/one', 'b c/three', `long/${'n'.repeat(120)}`, 'run', 'run too'].map((name) => inodeOf(id, name)),
    );
    expect([three, long]).toEqual([one, one]);
    expect(run).toBe(runToo);
    expect(run).not.toBe(one);
    await site.app.verify(id);
  });

  it('are taken apart again by a delta that changes one of them', async () => {
    site = await Site.make(shell);
    const base = await site.stage(twins);
    const before = await readTree(site.at('releases', base));
    const id = await site.stage({...twins, 'a/two': 'another', 'new/1': 'fresh', 'new/2': 'fresh'}, {base});
    expect(await readTree(site.at('releases', id))).toEqual({
      ...before,
      'a/two': '444 another',
      new: '555/',
      'new/1': '444 fresh',
      'new/2': '444 fresh',
    });
    expect(await readTree(site.at('releases', base))).toEqual(before);
    expect(await inodeOf(id, 'new/1')).toBe(await inodeOf(id, 'new/2'));
    await site.app.verify(id);
    await site.app.verify(base);
  });

  it('are found damaged under each of their names', async () => {
    site = await Site.make(shell);
    const id = await site.stage(twins);
    const file = site.at('releases', id, 'b c', 'three');
    await chmod(file, 0o644);
    await writeFile(file, same.toUpperCase());
    await chmod(file, 0o444);
    await expect(site.app.verify(id)).rejects.toMatchObject({failure: 'damaged', code: 'integrity'});
  });

  it('are refused where one of them lies elsewhere, however right its bytes are', async () => {
    site = await Site.make(shell);
    const deliver = async (base: SnapshotId | undefined, id: SnapshotId, entries: readonly RawEntry[]): Promise<void> => {
      const archive = Buffer.concat([...entries.map(packEntry), Buffer.alloc(1024)]);
      const bytes = gzipSync(archive);
      const delta = {bytes: bytes.length, digest: digestOf(bytes), encoding: 'gzip' as const, archiveBytes: archive.length};
      const request = {id, base, delta, unpackedBytes: 0, files: 1};
      await site.app.stageOpen(request);
      await site.app.stagePut(request, 0, Readable.from([bytes]), {idleMs: 10_000, totalMs: 10_000});
      await site.app.stageCommit(request, {});
    };
    const line = (name: string, text: string): string => `${name}\tf\t444\t${text.length}\t${digestOf(Buffer.from(text))}\n`;
    const before = await site.snapshot({x: '1', y: ''});
    const whole = `\tdrover-manifest\t1\n${line('x', '1')}${line('y', '')}`;
    const entries = (target: string): RawEntry[] => [
      {name: 'gone', text: '', mode: 0o444},
      {name: 'new', text: whole},
      {name: 'tree/x', text: '1', mode: 0o444},
      {name: 'tree/y', type: '1', target},
    ];
    await expect(deliver(undefined, before, entries('gone'))).rejects.toMatchObject({
      failure: 'damaged',
      message: expect.stringContaining('hard links to what it does not hold') as unknown,
    });
    await site.send(before);
    const gone = line('x', '1');
    const after = await site.snapshot({x: gone, y: ''});
    await expect(
      deliver(before, after, [
        {name: 'gone', text: gone, mode: 0o444},
        {name: 'new', text: line('x', gone)},
        {name: 'tree/x', type: '1', target: 'gone'},
      ]),
    ).rejects.toMatchObject({failure: 'damaged', message: expect.stringContaining('hard links to what it does not hold') as unknown});
    expect((await site.app.readState()).releases).toEqual([before]);
    expect((await listIncoming(site)).filter((name) => /\.(tree|delta)$/.test(name))).toEqual([]);
  });

  it('have names enough for every release that is linked from this one', async () => {
    site = await Site.make(shell);
    const id = await site.stage(Object.fromEntries(Array.from({length: 600}, (_, index) => [`f${index}`, same])));
    const stats = await Promise.all(Array.from({length: 600}, (_, index) => lstat(site.at('releases', id, `f${index}`))));
    expect(Math.max(...stats.map(({nlink}) => nlink))).toBe(256);
    expect(new Set(stats.map(({ino}) => ino)).size).toBe(3);
    await site.app.verify(id);
  });

  // BusyBox's own shell runs no tar but its own.
  it.skipIf(shell.name === 'busybox')('are copied where the file system has no hard links', async () => {
    site = await Site.make(shell);
    // As tar and ln behave there: names that cannot be linked are told and left out.
    const shims = path.join(site.folder, 'shims');
    await mkdir(shims, {mode: 0o755});
    const shim = async (name: string, text: string): Promise<void> => {
      await writeFile(path.join(shims, name), `#!/bin/sh\nPATH=\${PATH#*:}\n${text}`);
      await chmod(path.join(shims, name), 0o755);
    };
    await shim('ln', 'case $1 in -s) exec ln "$@" ;; esac\nexit 1\n');
    await shim(
      'tar',
      `tar "$@" || exit
for place; do :; done
cd "$place" || exit
find . -type f -links +1 -exec ls -i {} + | sort -n | awk '{inode = $1; sub(/^ *[0-9]+ /, ""); if (seen[inode]++) print}' |
  while IFS= read -r file; do echo "tar: $file: Cannot hard link: Operation not permitted" >&2; rm -f "$file"; done
exit 2
`,
    );
    const app = site.appOver(linkWith(shell, {before: `PATH=${shims}:$PATH; export PATH; `}));
    const base = await site.snapshot(twins);
    await site.send(base, {app});
    const tree = await readTree(site.at('releases', base));
    expect(tree).toMatchObject({'a/one': `444 ${same}`, 'a/two': `444 ${same}`, 'b c/three': `444 ${same}`, 'run too': `555 ${same}`});
    expect(await inodeOf(base, 'a/one')).not.toBe(await inodeOf(base, 'a/two'));
    const id = await site.snapshot({...twins, 'new/1': 'fresh', 'new/2': 'fresh'});
    await site.send(id, {app, base});
    expect(await readFile(site.at('releases', id, 'new', '2'), 'utf8')).toBe('fresh');
    await site.app.verify(base);
    await site.app.verify(id);
    expect(await listIncoming(site)).toEqual([]);
  });
});

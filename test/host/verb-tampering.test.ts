import {spawnSync} from 'node:child_process';
import {createReadStream} from 'node:fs';
import {mkdir, readFile, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {gzipSync} from 'node:zlib';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import type {SnapshotId} from '../../src/lib/snapshot/manifest.js';
import {packEntry, type RawEntry} from './raw-tar.js';
import {digestOf, isRoot, listIncoming, readTree, type Shell, Site, shells} from './verb-site.js';

const before = {same: 'same', changed: 'old', 'sub/file': 'inner', gone: 'bye', into: {to: 'sub'}} as const;
const after = {same: 'same', changed: 'new', 'sub/file': 'inner', added: 'fresh', into: {to: 'sub'}} as const;

// GNU and BusyBox each have their own tar; bash would only use the first again.
describe.each(shells.filter(({name, uid}) => name !== 'bash' && uid === undefined))(
  'a delta that was tampered with, under $name',
  (shell: Shell) => {
    let site: Site;
    let base: SnapshotId;
    let id: SnapshotId;
    let victim: string;
    let untouched: Record<string, string>;

    beforeEach(async () => {
      site = await Site.make(shell);
      base = await site.stage(before);
      id = await site.snapshot(after);
      victim = path.join(site.folder, 'victim');
      await mkdir(victim, {mode: 0o777});
      await writeFile(path.join(victim, 'file'), 'precious', {mode: 0o644});
      untouched = await readTree(site.at('releases', base));
    });
    afterEach(() => site.remove());

    const lists = (from: SnapshotId | undefined): Promise<{gone: string; fresh: string}> =>
      Promise.all([readFile(site.at('.drover', 'manifests', base), 'utf8'), manifestOf(id)]).then(([old, now]) => {
        const [was, is] = [old, now].map((text) => text.split('\n').filter((line) => line !== ''));
        if (from === undefined || was === undefined || is === undefined) return {gone: '', fresh: now};
        const lines = (list: string[], without: string[]): string =>
          list
            .filter((line) => !without.includes(line))
            .map((line) => `${line}\n`)
            .join('');
        return {gone: lines(was, is), fresh: lines(is, was)};
      });

    /** Sends a delta of our own making, whose digest is right. */
    async function deliver(
      entries: readonly RawEntry[],
      {whole = false, tail = Buffer.alloc(0), declared}: {whole?: boolean; tail?: Buffer; declared?: number} = {},
    ): Promise<void> {
      const archive = Buffer.concat([...entries.map(packEntry), Buffer.alloc(1024)]);
      const bytes = Buffer.concat([gzipSync(archive), tail]);
      const file = path.join(site.folder, 'tampered.tgz');
      await writeFile(file, bytes);
      const request = {
        id,
        base: whole ? undefined : base,
        delta: {bytes: bytes.length, digest: digestOf(bytes), encoding: 'gzip' as const, archiveBytes: declared ?? archive.length},
        unpackedBytes: 0,
        files: 1,
      };
      await site.app.stageOpen(request);
      await site.app.stagePut(request, 0, createReadStream(file), {idleMs: 10_000, totalMs: 10_000});
      await site.app.stageCommit(request, {});
    }

    async function refuses(entries: readonly RawEntry[], options: Parameters<typeof deliver>[1] = {}): Promise<void> {
      await expect(deliver(entries, options)).rejects.toMatchObject({failure: 'damaged', code: 'integrity'});
      expect(await readTree(site.at('releases', base))).toEqual(untouched);
      await site.app.verify(base);
      expect(await readTree(victim)).toEqual({file: '644 precious'});
      expect(Object.keys(await readTree(site.folder)).filter((name) => name.includes('planted'))).toEqual([]);
      expect((await listIncoming(site)).filter((name) => /\.(tree|delta)$/.test(name))).toEqual([]);
      expect((await site.app.readState()).releases).toEqual([base]);
    }

    const good = async (): Promise<RawEntry[]> => {
      const {gone, fresh} = await lists(base);
      return [
        {name: 'gone', text: gone},
        {name: 'new', text: fresh},
        {name: 'tree/added', text: 'fresh'},
        {name: 'tree/changed', text: 'new'},
      ];
    };

    it('is taken as long as nothing is wrong with it', async () => {
      await deliver(await good());
      expect(await readTree(site.at('releases', id))).toMatchObject({added: '444 fresh', changed: '444 new', into: '-> sub'});
    });

    it('is refused with entries outside the tree', async () => {
      const entries = await good();
      for (const name of [
        '../planted',
        '/tmp/drover-planted',
        'planted',
        'tree/../planted',
        'manifest',
        'tree/../../../planted',
        'errors',
        'tree/planted/../../x',
      ])
        await refuses([...entries, {name, text: 'x'}]);
    });

    it('is refused with a file too many, one too few, another content or another mode', async () => {
      const [gone, fresh, added, changed] = (await good()) as [RawEntry, RawEntry, RawEntry, RawEntry];
      await refuses([gone, fresh, added, changed, {name: 'tree/more', text: 'x'}]);
      await refuses([gone, fresh, added]);
      await refuses([gone, fresh, added, {...changed, text: 'neu'}]);
      await refuses([gone, fresh, added, {...changed, mode: 0o555}]);
      await refuses([gone, fresh, added, {...changed, mode: 0o4444}]);
      await refuses([gone, fresh, added, {...changed, mode: 0o6555}]);
      await refuses([gone, fresh, added, changed, {name: 'tree/same', text: 'evil'}]);
      await refuses([gone, fresh, added, changed, {name: 'tree/sub', type: '5', mode: 0o777}, {name: 'tree/sub/more', text: 'x'}]);
      await refuses([gone, fresh, added, {name: 'tree/changed', type: '5', mode: 0o555}]);
    });

    it('is refused when the lists lie', async () => {
      const [gone, fresh, added, changed] = (await good()) as [RawEntry, RawEntry, RawEntry, RawEntry];
      await refuses([{...gone, text: ''}, fresh, added, changed]);
      await refuses([gone, {...fresh, text: ''}, added, changed]);
      await refuses([gone, added, changed]);
      await refuses([fresh, added, changed]);
      await refuses([{name: 'gone', type: '2', target: '/etc/hostname'}, fresh, added, changed]);
      await refuses([gone, {name: 'new', type: '5', mode: 0o755}, added, changed]);
    });

    it('removes nothing that the verified manifests do not name', async () => {
      const [gone, ...rest] = (await good()) as [RawEntry, ...RawEntry[]];
      const evil = ['../../../../../victim/file', 'same', `${victim}/file`]
        .map((name) => `${name}\tf\t444\t8\t${'0'.repeat(64)}\n`)
        .join('');
      await deliver([{name: 'gone', text: gone.text + evil}, ...rest]);
      expect(await readTree(victim)).toEqual({file: '644 precious'});
      await site.app.verify(id);
      await site.app.verify(base);
    });

    it('is refused with links that lead out, and nothing is written through them', async () => {
      const entries = await good();
      for (const target of [victim, '../../../../../victim', `../../../../releases/${base}`]) {
        await refuses([
          ...entries,
          {name: 'tree/door', type: '2', target},
          {name: 'tree/door/planted', text: 'x'},
          {name: 'tree/door/file', text: 'x'},
        ]);
        await refuses([{name: 'tree', type: '2', target}, ...entries, {name: 'tree/planted', text: 'x'}]);
      }
      await refuses([...entries.slice(0, 3), {name: 'tree/changed', type: '2', target: `${victim}/file`}]);
      await refuses([...entries, {name: 'tree/into/planted', text: 'x'}]);
    });

    it('is refused with hard links, pipes and devices', async () => {
      const entries = await good();
      const short = entries.slice(0, 3);
      for (const target of [`${victim}/file`, '../../../../../victim/file', 'tree/added', `../../releases/${base}/same`]) {
        await refuses([...short, {name: 'tree/changed', type: '1', target}]);
        await refuses([...entries, {name: 'tree/more', type: '1', target}]);
      }
      await refuses([...entries, {name: 'tree/pipe', type: '6'}]);
      await refuses([...short, {name: 'tree/changed', type: '6'}]);
      if (isRoot) await refuses([...short, {name: 'tree/changed', type: '3', mode: 0o666}]);
    });

    it('gives nothing of what follows its end', async () => {
      const more = gzipSync(Buffer.concat([packEntry({name: 'tree/planted', text: 'x'}), Buffer.alloc(1024)]));
      for (const tail of [Buffer.from('more'), more]) {
        // GNU refuses it, BusyBox does not look.
        const ended = await deliver(await good(), {tail}).then(
          () => 'taken',
          (error: Error & {failure?: string}) => error.failure,
        );
        expect(['taken', 'damaged']).toContain(ended);
        if (ended === 'taken') expect(Object.keys(await readTree(site.at('releases', id)))).not.toContain('planted');
      }
    });

    it('E13: is refused when more comes out of it than was declared, and no more than that reaches the disk', async () => {
      const entries = await good();
      const honest = Buffer.concat(entries.map(packEntry)).length + 1024;
      const bomb = [...entries.slice(0, 2), {name: 'tree/added', text: '\0'.repeat(64 * 1024 * 1024)}, ...entries.slice(3)];
      let largest = 0;
      const watching = setInterval(() => {
        largest = Math.max(
          largest,
          Number(
            spawnSync('du', ['-sk', site.at('.drover', 'incoming')])
              .stdout.toString()
              .split('\t')[0],
          ),
        );
      }, 20);
      try {
        await refuses(bomb, {declared: honest});
      } finally {
        clearInterval(watching);
      }
      expect(largest).toBeLessThan(1024);
    });

    it('is refused when it is no archive or ends early', async () => {
      const entries = await good();
      await refuses(entries.slice(0, 1));
      await refuses([]);
    });

    it('is refused as a whole tree with anything but that tree', async () => {
      const {fresh} = await lists(undefined);
      const all: RawEntry[] = [
        {name: 'gone', text: ''},
        {name: 'new', text: fresh},
        {name: 'tree/sub', type: '5', mode: 0o755},
        {name: 'tree/added', text: 'fresh'},
        {name: 'tree/changed', text: 'new'},
        {name: 'tree/same', text: 'same'},
        {name: 'tree/sub/file', text: 'inner'},
        {name: 'tree/into', type: '2', target: 'sub'},
      ];
      const whole = {whole: true};
      await refuses(all.slice(0, -1), whole);
      await refuses([...all.slice(0, -1), {name: 'tree/into', type: '2', target: '.'}], whole);
      await refuses([...all.slice(0, -1), {name: 'tree/into', type: '2', target: victim}], whole);
      await refuses(
        [...all.filter(({name}) => name !== 'tree/sub'), {name: 'tree/sub', type: '5', mode: 0o2755}, {name: 'tree/.hidden', text: ''}],
        whole,
      );
      await deliver(all, whole);
      await site.app.verify(id);
    });
  },
);

async function manifestOf(id: SnapshotId): Promise<string> {
  const other = await Site.make();
  try {
    const same = await other.stage(after);
    expect(same).toBe(id);
    return await readFile(other.at('.drover', 'manifests', id), 'utf8');
  } finally {
    await other.remove();
  }
}

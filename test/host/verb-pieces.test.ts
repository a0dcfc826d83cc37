import {createHash} from 'node:crypto';
import {createReadStream, readFileSync, statSync} from 'node:fs';
import {chmod, lstat, mkdir, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {gunzipSync, gzipSync} from 'node:zlib';
import {afterEach, describe, expect, it} from 'vitest';
import type {SnapshotId} from '../../src/lib/snapshot/manifest.js';
import {packEntry} from './raw-tar.js';
import {digestOf, listIncoming, type Shell, Site, shells} from './verb-site.js';

/** 9 MiB that do not compress. */
const large = Buffer.concat(Array.from({length: 9 * 32_768}, (_, index) => createHash('sha256').update(`${index}`).digest()));
const changed = Buffer.concat([
  large.subarray(0, 1_000_003),
  Buffer.from('moved in'),
  large.subarray(1_000_003, 7_000_000),
  large.subarray(7_000_100),
]);

describe.each(shells.filter(({name}) => name !== 'bash'))('a large file that changed in places, under $name', (shell: Shell) => {
  let site: Site;
  afterEach(() => site.remove());

  async function snapshot(name: string, bytes: Buffer): Promise<SnapshotId> {
    const source = path.join(site.folder, name);
    await mkdir(path.join(source, 'data base'), {recursive: true});
    await writeFile(path.join(source, 'data base', 'back\\slash.db'), bytes);
    await chmod(path.join(source, 'data base', 'back\\slash.db'), 0o640);
    await writeFile(path.join(source, 'small'), name);
    return site.snapshotOf(source);
  }

  it('costs what changed, and is rebuilt with its mode beside the base', async () => {
    site = await Site.make(shell);
    const [a, b] = [await snapshot('a', large), await snapshot('b', changed)];
    await site.send(a);
    const delta = await site.delta(a, b);
    expect(delta.bytes).toBeLessThan(20_000);
    await site.send(b, {base: a});
    const file = site.at('releases', b, 'data base', 'back\\slash.db');
    expect(readFileSync(file).equals(changed)).toBe(true);
    expect(((await lstat(file)).mode & 0o7777).toString(8)).toBe('440');
    expect(readFileSync(site.at('releases', a, 'data base', 'back\\slash.db')).equals(large)).toBe(true);
    await Promise.all([site.app.verify(a), site.app.verify(b)]);
    expect(await listIncoming(site)).toEqual([]);
  });

  it('is refused when the base is not what it was, or the recipe lies', async () => {
    site = await Site.make(shell);
    const [a, b] = [await snapshot('a', large), await snapshot('b', changed)];
    await site.send(a);
    const delta = await site.delta(a, b);
    const lists = ['gone', 'new'].map((name) => ({name, text: readList(delta.path, name)}));
    const deliver = async (recipe: string): Promise<void> => {
      const archive = Buffer.concat([
        ...[
          ...lists,
          {name: 'pieces/1.list', text: recipe},
          {name: 'pieces/1.bytes', text: 'moved in'},
          {name: 'tree/small', text: 'b'},
        ].map(packEntry),
        Buffer.alloc(1024),
      ]);
      const bytes = gzipSync(archive);
      const file = path.join(site.folder, 'lying.tgz');
      await writeFile(file, bytes);
      const request = {
        ...site.request(delta),
        delta: {bytes: bytes.length, digest: digestOf(bytes), encoding: 'gzip' as const, archiveBytes: archive.length},
      };
      await site.app.stageOpen(request);
      await site.app.stagePut(request, 0, createReadStream(file), {idleMs: 10_000, totalMs: 10_000});
      await site.app.stageCommit(request, {});
    };
    const name = 'data base/back\\slash.db';
    const honest = `${name}\nbase 0 1000003\nbytes 0 8\nbase 1000003 5999997\nbase 7000100 2437084\n`;
    for (const lie of [
      honest.replace('base 0', 'base 1'),
      honest.replace(name, '../../../../planted'),
      honest.replace(name, '/tmp/drover-planted'),
      honest.replace(name, 'none'),
      honest.replace('bytes 0 8', 'bytes 0 $(touch planted)'),
      `${honest}base 0 9000000\nbase 0 9000000\n`.replace('bytes 0 8\n', ''),
      `${name}\n`,
    ]) {
      await expect(deliver(lie), lie).rejects.toMatchObject({failure: 'damaged'});
      expect((await site.app.readState()).releases).toEqual([a]);
    }
    await deliver(`${honest}base 0 9000000\n`);
    expect(statSync(site.at('releases', b, name)).size).toBe(changed.length);
    await site.app.verify(b);
    await site.app.discard(b);
    const base = site.at('releases', a, name);
    await chmod(base, 0o640);
    await writeFile(base, Buffer.concat([Buffer.from('X'), large.subarray(1)]));
    await chmod(base, 0o440);
    await expect(site.send(b, {base: a})).rejects.toMatchObject({failure: 'damaged', code: 'integrity'});
    await site.send(b);
    await site.app.verify(b);
  }, 300_000);
});

/** The text of one list of a delta. */
function readList(file: string, wanted: string): string {
  const archive = gunzipSync(readFileSync(file));
  for (let at = 0; at < archive.length; ) {
    const name = archive.toString('latin1', at, at + 100).replace(/\0.*$/s, '');
    const size = Number.parseInt(archive.toString('latin1', at + 124, at + 135), 8) || 0;
    if (name === wanted) return archive.toString('utf8', at + 512, at + 512 + size);
    at += 512 + Math.ceil(size / 512) * 512;
  }
  throw new Error(`the delta has no ${wanted}`);
}

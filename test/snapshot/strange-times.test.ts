import fs from 'node:fs';
import {describe, expect, it} from 'vitest';
import {never, openStore, snap, withFolder} from './fixture.js';
import {write} from './store-fixture.js';

const times: readonly (readonly [what: string, at: Date])[] = [
  ['1970', new Date(0)],
  ['before 1970', new Date('1960-05-05T00:00:00Z')],
  ['tomorrow', new Date(Date.now() + 86_400_000)],
  ['after 2106', new Date('2150-01-01T00:00:00Z')],
];

/** C16: nothing depends on what time files or machines say it is. */
describe('a snapshot of files whose times are strange', () => {
  it.each(times)('C16: has the same id with times of %s, and sees a change behind the same time and size', async (_what, at) => {
    await withFolder(async (folder) => {
      const later = {now: () => Date.now() + 10_000};
      const source = write(folder, {a: 'one', 'b/c': 'two'});
      const first = await snap(folder, source, later);
      for (const file of ['a', 'b/c']) fs.utimesSync(`${source}/${file}`, at, at);
      expect((await snap(folder, source, later)).record.id).toBe(first.record.id);
      expect((await snap(folder, source, later)).record.id).toBe(first.record.id);
      fs.writeFileSync(`${source}/a`, 'eno');
      fs.utimesSync(`${source}/a`, at, at);
      const changed = await snap(folder, source, later);
      expect(changed.record.id).not.toBe(first.record.id);
      expect(changed.newFiles).toBe(1);
    });
  });

  it.each<[what: string, nowMs: number]>([
    ['1970', 1000],
    ['after 2106', Date.parse('2150-01-01T00:00:00Z')],
  ])('C16: is taken, listed and kept by a machine whose clock says %s', async (_what, nowMs) => {
    await withFolder(async (folder) => {
      const source = write(folder, {a: 'one'});
      await snap(folder, source);
      const {record} = await snap(folder, write(folder, {a: 'two'}), {now: () => nowMs});
      expect((await openStore(folder).list()).map(({id}) => id)).toContain(record.id);
      const pruned = await openStore(folder).prune({keep: 1, protect: [record.id], now: () => nowMs, signal: never});
      expect(pruned.kept).toContain(record.id);
      expect(await openStore(folder).verify(undefined, never)).toEqual([]);
    });
  });
});

describe('a snapshot of what is hardly there', () => {
  it('E9: keeps files of no bytes and empty directories', async () => {
    await withFolder(async (folder) => {
      const source = write(folder, {empty: '', 'also/empty': '', full: 'x'});
      fs.mkdirSync(`${source}/nothing/in/here`, {recursive: true});
      const {record, manifest, newFiles} = await snap(folder, source);
      expect(newFiles).toBe(2);
      expect(manifest.entries.map((entry) => `${entry.kind} ${entry.path}`)).toEqual([
        'directory also',
        'file also/empty',
        'file empty',
        'file full',
        'directory nothing',
        'directory nothing/in',
        'directory nothing/in/here',
      ]);
      expect(await openStore(folder).manifest(record.id)).toEqual(manifest);
      expect(await openStore(folder).verify(undefined, never)).toEqual([]);
    });
  });
});

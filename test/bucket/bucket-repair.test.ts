import path from 'node:path';
import {describe, expect, it} from 'vitest';
import {bodyOf} from '../../src/lib/snapshot/bucket-exchange.js';
import {rigAvailable} from '../rig/available.js';
import {catchProblems, never} from '../snapshot/fixture.js';
import type {BucketMachine} from './bucket-machine.js';
import {useBuckets} from './use-buckets.js';

const available = rigAvailable();
const site = {'index.html': 'hello', 'css/site.css': 'body {}', 'film.bin': Buffer.alloc(9 * 1024 * 1024, 'again and again\n')};
const folders = ['records/', 'snapshots/', 'packs/', 'objects/'];

describe.skipIf(!available.ok)(`verify --repair of a bucket${available.ok ? '' : ` (${available.why})`}`, () => {
  const buckets = useBuckets();
  const keysOf = async (): Promise<string[]> =>
    (await buckets.open().list('', never)).filter((key) => folders.some((folder) => key.startsWith(folder)));
  async function flip(key: string): Promise<void> {
    const bytes = Buffer.from((await buckets.open().get(key, never)) ?? '');
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
    await buckets.open().replace(key, bodyOf(bytes), never);
  }
  const repair = async ({store}: BucketMachine, roots: readonly string[] = []): ReturnType<typeof store.repair> => {
    const damaged = await store.verify(undefined, never);
    expect(damaged.length).toBeGreaterThan(0);
    return store.repair(damaged, roots, never);
  };
  const expectWhole = async (): Promise<void> => {
    const ben = buckets.machine();
    expect(await ben.store.verify(undefined, never)).toEqual([]);
    const {id} = await ben.store.resolve('shop', 'latest');
    expect((await ben.store.delta(undefined, id, never)).snapshot).toBe(id);
  };

  it('E12 heals every kind of altered or missing object from what is saved here', async () => {
    const ana = buckets.machine();
    await ana.snap(site);
    const keys = await keysOf();
    expect(keys).toHaveLength(5);
    // As any other machine that has looked at the bucket.
    await ana.store.list();
    for (const key of keys) {
      await flip(key);
      expect((await repair(ana)).lost).toEqual([]);
      await expectWhole();
    }
    for (const key of keys.filter((each) => /\.pack$|objects|snapshots/.test(each))) {
      await buckets.open().remove(key, never);
      expect((await repair(ana)).lost).toEqual([]);
      await expectWhole();
    }
  });

  it('E12 heals from trees on a machine that has saved nothing', async () => {
    const ana = buckets.machine();
    await ana.snap(site);
    for (const key of (await keysOf()).filter((each) => /\.pack$|objects/.test(each))) await flip(key);
    const ben = buckets.machine();
    const {repaired, lost} = await repair(ben, [path.join(ana.folder, 'source')]);
    expect(lost).toEqual([]);
    expect(repaired.length).toBeGreaterThan(1);
    await expectWhole();
  });

  it('E12 marks a bad copy where another pack has a whole one', async () => {
    const [ana, ben] = [buckets.machine(), buckets.machine()];
    // Neither sees the pack of the other before it brings its own.
    const readPlaces = ben.bucket.list.bind(ben.bucket);
    let isBlind = true;
    ben.bucket.list = async (folder, signal) => (isBlind && folder === 'packs/' ? [] : readPlaces(folder, signal));
    await ana.snap({one: 'shared', two: 'by ana'});
    const anas = (await keysOf()).find((key) => key.endsWith('.pack')) ?? '';
    await ben.snap({one: 'shared', two: 'by ben'});
    isBlind = false;
    const bytes = (await buckets.open().get(anas, never)) ?? Buffer.alloc(0);
    const at = bytes.indexOf('shared');
    bytes[at] = 0x21;
    await buckets.open().replace(anas, bodyOf(bytes), never);
    const {repaired, lost} = await repair(buckets.machine());
    expect(lost).toEqual([]);
    expect(repaired.map(({paths}) => paths)).toEqual([['one']]);
    await expectWhole();
  });

  it('E12 puts aside what nobody has, so that the next snapshot of the same tree brings all of it anew', async () => {
    await buckets.machine().snap(site);
    for (const key of await keysOf()) {
      await flip(key);
      expect((await catchProblems(() => restore(buckets.machine()))).code).toBe('integrity');
      const {lost} = await repair(buckets.machine());
      expect(lost.length).toBeGreaterThan(0);
      await buckets.machine().snap(site);
      await expectWhole();
    }
  });
});

async function restore({store}: BucketMachine): Promise<void> {
  const {id} = await store.resolve('shop', 'latest');
  await store.delta(undefined, id, never);
}

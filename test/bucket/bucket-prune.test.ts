import {randomBytes} from 'node:crypto';
import {describe, expect, it} from 'vitest';
import {BucketClient, bodyOf} from '../../src/lib/snapshot/bucket-exchange.js';
import type {SnapshotId} from '../../src/lib/snapshot/manifest.js';
import type {PruneOptions} from '../../src/lib/snapshot/prune-store.js';
import {rigAvailable} from '../rig/available.js';
import {catchProblems, never} from '../snapshot/fixture.js';
import {describeBucket} from './bucket-machine.js';
import {useBuckets} from './use-buckets.js';

const available = rigAvailable();
const film = (seed: string): Buffer => Buffer.alloc(9 * 1024 * 1024, seed);
const policy: PruneOptions = {keep: 1, protect: [], now: Date.now, signal: never};

describe.skipIf(!available.ok)(`prune of a bucket${available.ok ? '' : ` (${available.why})`}`, () => {
  const buckets = useBuckets();
  const keysOf = async (): Promise<string[]> => buckets.open().list('', never);
  /** Fails when anything of a snapshot that is listed is missing or damaged. */
  const expectWhole = async (): Promise<void> => expect(await buckets.machine().store.verify(undefined, never)).toEqual([]);

  it('removes what no kept snapshot needs, keeps what it shares, and says beforehand what goes', async () => {
    const ana = buckets.machine({graceMs: 0});
    const old = await ana.snap({page: 'old', shared: 'both', 'old.bin': film('old'), 'shared.bin': film('both')});
    const fresh = await ana.snap({page: 'new', shared: 'both', 'shared.bin': film('both')});
    const before = await keysOf();
    const planned = await ana.store.prune({...policy, dryRun: true});
    expect(await keysOf()).toEqual(before);
    const pruned = await ana.store.prune(policy);
    expect({...planned, localFreedBytes: 0}).toEqual({...pruned, localFreedBytes: 0});
    expect(pruned.removed).toEqual([old.record.id]);
    expect(pruned.kept).toEqual([fresh.record.id]);
    expect(pruned.freedBytes).toBeGreaterThan(film('').length);
    // The pack of the old snapshot holds "shared" too.
    expect(pruned.unneededBytes).toBe('old'.length);
    const after = await keysOf();
    expect(before.length - after.length).toBe(3);
    expect((await ana.store.list()).map(({id}) => id)).toEqual([fresh.record.id]);
    expect((await buckets.machine().store.resolve('shop', 'latest')).id).toBe(fresh.record.id);
    await expectWhole();
    expect((await ana.store.prune(policy)).freedBytes).toBe(0);
  });

  it('keeps what is labelled, young, under embargo, of unknown apps, or held by a host', async () => {
    const ana = buckets.machine({graceMs: 0});
    const taken = [];
    for (const number of [1, 2, 3, 4])
      taken.push((await ana.snap({page: `${number}`}, {labels: number === 1 ? {milestone: ''} : {}})).record);
    await ana.snap({page: 'hidden'}, {embargoUntil: new Date(Date.now() + 86_400_000).toISOString()});
    await ana.snap({page: 'newest'});
    const [one, two, three, four] = taken.map(({id}) => id) as [SnapshotId, SnapshotId, SnapshotId, SnapshotId];
    expect((await ana.store.prune({...policy, dryRun: true, apps: ['other']})).records).toEqual([]);
    expect((await ana.store.prune({...policy, dryRun: true, keepWithinMs: 60_000})).records).toEqual([]);
    const {removed} = await ana.store.prune({...policy, keepLabels: [{name: 'milestone'}], protect: [three]});
    expect([...removed].sort()).toEqual([two, four].sort());
    const left = (await buckets.machine().store.list()).map(({id}) => id);
    expect(left).toHaveLength(4);
    expect(left).toEqual(expect.arrayContaining([one, three]) as SnapshotId[]);
    await expectWhole();
  });

  it('leaves alone for a day what nothing names, and sweeps it then: packs, manifests, deltas, killed uploads', async () => {
    const ana = buckets.machine();
    await ana.snap({page: 'kept'});
    const kept = await keysOf();
    const bucket = buckets.open();
    const orphan = bodyOf(randomBytes(100));
    for (const key of [
      `packs/${'a'.repeat(64)}.pack`,
      `snapshots/${'b'.repeat(64)}.gz`,
      `deltas/${'c'.repeat(64)}`,
      `objects/dd/${'d'.repeat(64)}`,
    ])
      await bucket.add(key, orphan, never);
    const begin = {
      method: 'POST',
      path: `/${buckets.bucket}/shop/objects/ee/${'e'.repeat(64)}`,
      query: {uploads: ''},
      signal: never,
    } as const;
    const begun = await new BucketClient(describeBucket(buckets.service, buckets.bucket)).send(begin);
    if (begun.kind === 'reply') begun.stream.resume();
    const {freedBytes, unneededBytes} = await ana.store.prune(policy);
    expect({freedBytes, unneededBytes}).toEqual({freedBytes: 0, unneededBytes: 200});
    expect(await bucket.listUploads(never)).toHaveLength(1);
    const later = buckets.machine({graceMs: 0});
    expect((await later.store.prune(policy)).freedBytes).toBe(400);
    expect(await keysOf()).toEqual(kept);
    expect(await bucket.listUploads(never)).toEqual([]);
  });

  it('I7 E11 loses nothing of what others save while it is pruned, whatever is reused', async () => {
    const [ana, ben] = [buckets.machine({graceMs: 0}), buckets.machine({graceMs: 0})];
    const trees = [0, 1, 2, 3].map((number) => ({page: `${number}`, shared: 'all', 'film.bin': film(`${number % 2}`)}));
    const prune = async (): Promise<string> =>
      catchProblems(() => ana.store.prune(policy)).then(
        ({code}) => code,
        () => 'pruned',
      );
    for (let round = 0; round < 3; round += 1) {
      const saving = (async () => {
        for (const tree of trees) await ben.snap(tree);
      })();
      const endings = [await prune(), await prune()];
      await saving;
      expect(endings.every((ending) => ending === 'pruned' || ending === 'refused')).toBe(true);
      await expectWhole();
    }
    expect(await prune()).toBe('pruned');
    expect(await buckets.machine().store.list()).toHaveLength(1);
    await expectWhole();
  });

  it('E11 leaves every listed snapshot whole wherever it is killed, and the next one finishes', async () => {
    const ana = buckets.machine({graceMs: 0});
    for (const page of ['one', 'two']) await ana.snap({page, 'film.bin': film(page)});
    await ana.snap({page: 'three'});
    let killed = 0;
    for (let steps = 0; steps < 20; steps += 1) {
      const stopping = new AbortController();
      const remove = ana.bucket.remove.bind(ana.bucket);
      let left = steps;
      ana.bucket.remove = async (...args) => {
        // The lock of a process that has ended would not count.
        if (args[0].startsWith('locks/')) return remove(...args);
        if (left-- <= 0) stopping.abort();
        stopping.signal.throwIfAborted();
        return remove(...args);
      };
      const ending = await ana.store.prune({...policy, signal: stopping.signal}).then(
        () => 'done',
        () => 'killed',
      );
      ana.bucket.remove = remove;
      await expectWhole();
      if (ending === 'done') break;
      killed += 1;
    }
    expect(killed).toBeGreaterThan(3);
    expect((await keysOf()).length).toBe(4);
    await buckets.machine().snap({page: 'one', 'film.bin': film('one')});
    await expectWhole();
  });

  it('refuses while somebody saves, and says who; a lock that was not renewed for long does not count', async () => {
    const ana = buckets.machine({graceMs: 0});
    await ana.snap({page: 'one'});
    const bucket = buckets.open();
    await bucket.replace('locks/save-0123456789ab-7-0123456789ab', bodyOf(Buffer.from('laptop-of-ben (process 7)')), never);
    const error = await catchProblems(() => ana.store.prune(policy));
    expect(`${error.code} ${error.message}`).toMatch(/^refused s3:\S+ is being saved to by laptop-of-ben \(process 7\), seen last at 20/);
    // To this machine the service seems to live half an hour later.
    const late = buckets.machine({graceMs: 0});
    const serviceNow = late.bucket.serviceNow.bind(late.bucket);
    late.bucket.serviceNow = () => serviceNow() + 30 * 60_000;
    await late.store.prune(policy);
    expect(await bucket.list('locks/', never)).toEqual([]);
  }, 300_000);

  it('stops before it removes anything more when its lock could not be renewed for minutes', async () => {
    const ana = buckets.machine({graceMs: 0});
    await ana.snap({page: 'one'});
    await ana.snap({page: 'two'});
    let nowMs = Date.now();
    const asleep = buckets.machine({graceMs: 0, storeNow: () => nowMs});
    const listUploads = asleep.bucket.listObjects.bind(asleep.bucket);
    asleep.bucket.listObjects = async (folder, signal) => {
      if (folder === 'deltas/') nowMs += 5 * 60_000;
      return listUploads(folder, signal);
    };
    const before = (await keysOf()).length;
    expect((await catchProblems(() => asleep.store.prune(policy))).code).toBe('interrupted');
    expect((await keysOf()).length).toBe(before);
  });
});

import {createHash, randomBytes} from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import {afterAll, beforeAll, beforeEach, describe, expect, it} from 'vitest';
import {Bucket} from '../../src/lib/snapshot/bucket.js';
import {bodyOf, bodyOfFile} from '../../src/lib/snapshot/bucket-exchange.js';
import {holdBucket} from '../../src/lib/snapshot/bucket-lock.js';
import type {Digest} from '../../src/lib/snapshot/manifest.js';
import type {PruneOptions} from '../../src/lib/snapshot/prune-store.js';
import {BucketMachine, describeBucket, type MachineOptions} from '../bucket/bucket-machine.js';
import {catchProblems, never, withFolder} from './fixture.js';
import {type Meddling, type MemoryService, startMemoryService} from './memory-service.js';
import {big, flip, listFiles} from './store-fixture.js';

const policy: PruneOptions = {keep: 1, protect: [], now: Date.now, signal: never};
const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex');

/** What is hard to have a real service do, done by one of the test. */
describe('a store in a bucket', () => {
  let service: MemoryService;
  beforeAll(async () => {
    service = await startMemoryService();
  });
  afterAll(() => service.stop());
  beforeEach(() => {
    service.objects.clear();
    service.meddle = () => 'pass';
  });

  const openBucket = (partBytes?: number): Bucket =>
    new Bucket(describeBucket(service, 'releases', partBytes === undefined ? {} : {partBytes}));
  const keysOf = (folder: string): string[] => [...service.objects.keys()].filter((key) => key.startsWith(`/releases/shop/${folder}`));
  const keyOf = (ending: string): string => keysOf('').find((key) => key.endsWith(ending)) ?? '';
  async function withMachines(work: (open: (name: string, options?: MachineOptions) => BucketMachine) => Promise<void>): Promise<void> {
    await withFolder((folder) => work((name, options) => new BucketMachine(path.join(folder, name), openBucket(), options)));
  }
  const expectWhole = async (machine: BucketMachine): Promise<void> => {
    expect(await machine.store.verify(undefined, never)).toEqual([]);
    const {id} = await machine.store.resolve('shop', 'latest');
    expect((await machine.store.delta(undefined, id, never)).snapshot).toBe(id);
  };

  it('E12 keeps in mind that a copy is bad as long as the copy is there, also when nothing needs it', async () => {
    await withMachines(async (open) => {
      const ana = open('ana', {graceMs: 0});
      await ana.snap({one: 'needed', two: 'altered'});
      const pack = keyOf('.pack');
      const bytes = service.objects.get(pack) ?? Buffer.alloc(0);
      service.objects.set(pack, Buffer.from(bytes.toString('latin1').replace('altered', 'ALTERED'), 'latin1'));
      await ana.store.repair(await ana.store.verify(undefined, never), [], never);
      const mark = `/releases/shop/quarantine/${digestOf('altered')}.${path.basename(pack, '.pack')}`;
      expect(keysOf('quarantine/')).toEqual([mark]);

      await ana.snap({one: 'needed'});
      await ana.store.prune(policy);
      expect(keysOf('quarantine/')).toEqual([mark]);
      await open('ben').snap({one: 'needed', two: 'altered'});
      await expectWhole(open('new'));

      await ana.snap({three: 'other'});
      await ana.store.prune(policy);
      expect(keysOf('quarantine/')).toEqual([]);
    });
  });

  it('renews its lock however much is on its way', async () => {
    const bucket = openBucket();
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    service.meddle = async ({path: at}): Promise<Meddling> => {
      if (at.includes('/objects/')) await released;
      return 'pass';
    };
    const adding = Array.from({length: 12}, (_, index) => bucket.add(`objects/${index}`, bodyOf(randomBytes(10)), never));
    await bucket.replace('locks/save-x', bodyOf(Buffer.from('ana')), never);
    expect(keysOf('objects/')).toEqual([]);
    release();
    await Promise.all(adding);
    expect(keysOf('')).toHaveLength(13);
  });

  it('brings nothing more once its lock may have run out, also where a request is only tried again', async () => {
    await withMachines(async (open) => {
      let nowMs = Date.now();
      const asleep = open('ana', {storeNow: () => nowMs});
      const steps: readonly (readonly [folder: string, work: () => Promise<unknown>])[] = [
        ['packs/', () => asleep.snap({page: 'one'})],
        ['snapshots/', () => asleep.snap({page: 'two'})],
        ['records/', () => asleep.snap({page: 'three'})],
        ['objects/', () => asleep.snap({film: big})],
      ];
      for (const [folder, work] of steps) {
        service.objects.clear();
        service.meddle = ({method, path: at}) => {
          if (method !== 'PUT' || !at.includes(`/${folder}`)) return 'pass';
          nowMs += 5 * 60_000;
          return 'refuse';
        };
        expect((await catchProblems(work)).code).toBe('interrupted');
        expect(keysOf(folder)).toEqual([]);
      }

      service.meddle = () => 'pass';
      const {record} = await asleep.snap({page: 'four'});
      const manifest = await asleep.store.manifest(record.id);
      const text = Buffer.from('\tdrover-manifest\t1\n');
      const part = {manifest: {...manifest, id: digestOf(text.toString()) as typeof manifest.id}, text, partitions: []};
      for (const folder of ['snapshots/', 'parts/']) {
        const before = keysOf('').length;
        service.meddle = ({method, path: at}) => {
          if (method !== 'PUT' || !at.includes(`/${folder}`)) return 'pass';
          nowMs += 5 * 60_000;
          return 'refuse';
        };
        const keep = () => asleep.store.keepParts(record.id, [part as never], never);
        expect((await catchProblems(keep)).code).toBe('interrupted');
        expect(keysOf('').length - before).toBe(folder === 'parts/' ? 1 : 0);
      }

      const pack = keyOf('.pack');
      service.objects.set(pack, Buffer.from('FOUR'));
      service.meddle = ({method, path: at}) => {
        if (method !== 'PUT' || !at.includes('/quarantine/')) return 'pass';
        nowMs += 5 * 60_000;
        return 'refuse';
      };
      const damaged = await asleep.store.verify(undefined, never);
      expect((await catchProblems(() => asleep.store.repair(damaged, [], never))).code).toBe('interrupted');
      expect(keysOf('quarantine/')).toEqual([]);
    });
  });

  it('leaves no lock behind that is on its way when the work ends, or is given up', async () => {
    const options = {kind: 'save', now: Date.now, waitMs: 0} as const;
    const bucket = openBucket();
    const replace = bucket.replace.bind(bucket);
    // A request that was given up may be carried out all the same, later than what was asked after it.
    const late: (() => Promise<void>)[] = [];
    const onItsWay = (give: AbortSignal, arrive: Promise<void>, args: Parameters<Bucket['replace']>): Promise<void> =>
      new Promise((resolve, reject) => {
        give.addEventListener('abort', () => {
          late.push(() => replace(args[0], args[1], never));
          reject(give.reason as Error);
        });
        void arrive.then(() => replace(args[0], args[1], never)).then(resolve, reject);
      });

    const stopping = new AbortController();
    bucket.replace = (...args) => {
      stopping.abort();
      return onItsWay(args[2], new Promise((resolve) => setImmediate(resolve)), args);
    };
    const given = holdBucket({...options, bucket, signal: stopping.signal}, async () => 'done');
    await expect(given).rejects.toThrow('aborted');
    for (const arrive of late.splice(0)) await arrive();
    expect(keysOf('locks/')).toEqual([]);

    bucket.replace = replace;
    let sent = (): void => undefined;
    const renewing = new Promise<void>((resolve) => {
      sent = resolve;
    });
    const work = async (): Promise<void> => {
      bucket.replace = (...args) => {
        sent();
        return onItsWay(args[2], new Promise((resolve) => setImmediate(() => setImmediate(resolve))), args);
      };
      await renewing;
    };
    await holdBucket({...options, bucket, renewMs: 1, signal: never}, work);
    for (const arrive of late.splice(0)) await arrive();
    expect(keysOf('locks/')).toEqual([]);
  });

  it('E12 brings a copy of this machine that has rotted once more, and blames the bucket only for its own', async () => {
    await withMachines(async (open) => {
      const ana = open('ana');
      await ana.snap({page: 'one'});
      const ben = open('ben');
      await expectWhole(ben);
      const copies = listFiles(`${ben.folder}/.drover/store/bucket`).filter((file) => file.includes('/known/'));
      expect(copies).toHaveLength(2);
      for (const copy of copies) flip(copy, 20);
      await ben.store.list();
      await expectWhole(ben);
      const [record = ''] = copies.filter((copy) => copy.includes('/records/'));

      flip(record, 20);
      service.objects.delete(keysOf('records/')[0] ?? '');
      expect(await ben.store.list()).toEqual([]);
      await ana.snap({page: 'two'});
      await expectWhole(ben);
      const [there = ''] = keysOf('records/');
      service.objects.set(there, Buffer.from('{}'));
      expect(await catchProblems(() => open('new').store.list())).toMatchObject({
        code: 'integrity',
        message: expect.stringContaining('s3://releases/shop/records/') as string,
      });
    });
  });

  it('E12 takes a large file from the bucket where its copy on this machine was altered', async () => {
    await withMachines(async (open) => {
      const ana = open('ana');
      await ana.snap({film: big});
      const [own = ''] = listFiles(`${ana.folder}/.drover/store/objects`);
      flip(own, 1000);
      await open('ben').snap({film: big, page: 'by ben'});
      await expectWhole(ana);
      // It was put aside, so that the next save stores it anew.
      expect(fs.existsSync(own)).toBe(false);
    });
  });

  it('goes on where the reply to the begin or the end of an upload in parts is cut, and tells of one that always is in one line', async () => {
    await withFolder(async (folder) => {
      const bytes = randomBytes(70_000);
      fs.writeFileSync(`${folder}/film`, bytes);
      const body = bodyOfFile(`${folder}/film`, bytes.length, createHash('sha256').update(bytes).digest('hex') as Digest);
      const seen = new Set<string>();
      service.meddle = ({method, query}) => {
        const step = query.has('uploads') ? 'begin' : 'end';
        if (method !== 'POST' || seen.has(step)) return 'pass';
        seen.add(step);
        return 'cut';
      };
      expect(await openBucket(16_384).add('objects/film', body, never)).toBe(true);
      expect([...seen]).toEqual(['begin', 'end']);
      expect(service.objects.get('/releases/shop/objects/film')?.equals(bytes)).toBe(true);

      service.meddle = ({method}) => (method === 'POST' ? 'cut' : 'pass');
      const error = await catchProblems(() => openBucket(16_384).add('objects/other', body, never));
      expect(error.code).toBe('unreachable');
    });
  });
});

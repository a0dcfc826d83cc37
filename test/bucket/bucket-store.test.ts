import {readFile} from 'node:fs/promises';
import {describe, expect, it} from 'vitest';
import type {Bucket} from '../../src/lib/snapshot/bucket.js';
import {bodyOf} from '../../src/lib/snapshot/bucket-exchange.js';
import {startProxy} from '../host/tcp-proxy.js';
import {rigAvailable} from '../rig/available.js';
import {catchProblems, never} from '../snapshot/fixture.js';
import {BucketMachine, type BucketOptions} from './bucket-machine.js';
import {ownerKeys} from './object-store.js';
import {useBuckets} from './use-buckets.js';

const available = rigAvailable();
const large = Buffer.alloc(9 * 1024 * 1024, 'the same line again and again\n');
const site = {'index.html': 'hello', 'css/site.css': 'body {}', 'empty.txt': '', 'film.bin': large};

describe.skipIf(!available.ok)(`a store in a bucket${available.ok ? '' : ` (${available.why})`}`, () => {
  const buckets = useBuckets();
  const open = (options: BucketOptions = {}): Bucket => buckets.open(options);
  const machine = (options: BucketOptions = {}): BucketMachine => buckets.machine(options);
  const problemOf = async (options: BucketOptions): Promise<string> => {
    const error = await catchProblems(() => machine(options).store.list());
    return `${error.code}: ${error.message}`;
  };

  it('gives a machine with an empty home the snapshots of another, and the same delta for hosts', async () => {
    const [ana, ben] = [machine(), machine()];
    const first = await ana.snap(site, {labels: {build: '1'}});
    const second = await ana.snap({...site, 'index.html': 'hello again'});
    expect((await ben.store.list()).map(({id}) => id)).toEqual([second.record.id, first.record.id]);
    expect(await ben.store.resolve('shop', 'latest')).toEqual(second.record);
    expect(await ben.store.resolve('shop', first.record.id.slice(0, 8))).toEqual(first.record);
    expect(await ben.store.manifest(first.record.id)).toEqual(first.manifest);
    for (const base of [undefined, first.record.id]) {
      const [one, other] = [await ana.store.delta(base, second.record.id, never), await ben.store.delta(base, second.record.id, never)];
      expect(other.digest).toBe(one.digest);
    }
    expect(await ben.store.verify(undefined, never)).toEqual([]);
    const third = await ben.snap({...site, 'index.html': 'from ben'});
    expect((await ana.store.resolve('shop', 'latest')).id).toBe(third.record.id);
    const back = await ana.store.delta(third.record.id, first.record.id, never);
    expect(back.digest).toBe((await ben.store.delta(third.record.id, first.record.id, never)).digest);
  });

  it('E11 keeps what operators save at the same moment, and the labels of both where it is the same tree', async () => {
    const machines = Array.from({length: 4}, () => machine());
    const own = await Promise.all(machines.map((each, index) => each.snap({...site, 'index.html': `by ${index}`})));
    const same = await Promise.all(machines.map((each, index) => each.snap(site, {labels: {[`by-${index}`]: 'yes'}})));
    const there = await machine().store.list();
    expect(new Set(there.map(({id}) => id))).toEqual(new Set([...own, ...same].map(({record}) => record.id)));
    const merged = there.find(({id}) => id === same[0]?.record.id);
    expect(merged?.labels).toEqual({'by-0': 'yes', 'by-1': 'yes', 'by-2': 'yes', 'by-3': 'yes'});
    expect(await machine().store.verify(undefined, never)).toEqual([]);
  });

  it('E11 lists a snapshot only when all of it is there, wherever the upload was stopped', async () => {
    const listed: number[] = [];
    for (let steps = 0; steps < 12; steps += 1) {
      await buckets.next();
      const stopping = new AbortController();
      const ana = machine();
      let left = steps;
      const add = ana.bucket.add.bind(ana.bucket);
      ana.bucket.add = async (...args) => {
        if (left === 0) stopping.abort();
        left -= 1;
        return add(...args);
      };
      await ana.snap(site, {signal: stopping.signal}).catch((error: unknown) => expect(stopping.signal.aborted, String(error)).toBe(true));
      const seen = await machine().store.list();
      listed.push(seen.length);
      expect(await machine().store.verify(undefined, never)).toEqual([]);
      if (seen.length > 0) break;
      await new BucketMachine(ana.folder, open()).snap(site);
      expect(await machine().store.verify((await machine().store.resolve('shop', 'latest')).id, never)).toEqual([]);
    }
    expect(listed.length).toBeGreaterThan(3);
    expect(listed.at(-1)).toBe(1);
  });

  it('E12 T20 finds every kind of altered object, and heals from what is saved here', async () => {
    const ana = machine();
    const {record} = await ana.snap(site);
    const alter = async (key: string): Promise<void> => {
      const bytes = await ana.bucket.get(key, never);
      if (bytes === undefined) throw new Error(`${key} is not there`);
      const flipped = Buffer.from(bytes);
      flipped[flipped.length >> 1] = (flipped[flipped.length >> 1] ?? 0) ^ 1;
      await ana.bucket.replace(key, bodyOf(flipped), never);
      const error = await catchProblems(async () => {
        const ben = machine();
        await ben.store.resolve('shop', 'latest');
        await ben.store.delta(undefined, record.id, never);
      });
      expect(`${key}: ${error.code} ${error.exit}`).toBe(`${key}: integrity 9`);
      expect((await ana.store.delta(undefined, record.id, never)).snapshot).toBe(record.id);
      await ana.bucket.replace(key, bodyOf(bytes), never);
    };
    const folders = ['records/', 'snapshots/', 'packs/', 'objects/'];
    const keys = (
      await Promise.all(folders.map(async (each) => (await ana.bucket.list(each, never)).map((name) => `${each}${name}`)))
    ).flat();
    expect(keys.length).toBe(5);
    for (const key of keys) await alter(key);
    const film = keys.find((key) => key.startsWith('objects/')) ?? '';
    await ana.bucket.replace(film, bodyOf(Buffer.from('short')), never);
    expect(await ana.store.verify(record.id, never)).toEqual([{digest: film.slice(-64), why: 'truncated', paths: ['film.bin']}]);
    await ana.bucket.remove(film, never);
    expect(await ana.store.verify(record.id, never)).toEqual([{digest: film.slice(-64), why: 'missing', paths: ['film.bin']}]);
  });

  it('T20 refuses an old snapshot as the latest when the bucket has lost a newer one that was seen there', async () => {
    const [ana, ben] = [machine(), machine()];
    const old = await ana.snap(site);
    const fresh = await ana.snap({...site, 'index.html': 'newer'});
    await ben.store.list();
    const [name] = (await ana.bucket.list('records/', never)).filter((each) => each.startsWith(fresh.record.id));
    await ana.bucket.remove(`records/${name}`, never);
    const error = await catchProblems(() => ben.store.resolve('shop', 'latest'));
    expect(error.code).toBe('refused');
    expect(error.message).toContain(`has lost snapshot ${fresh.record.id.slice(0, 12)}`);
    expect((await ben.store.resolve('shop', old.record.id)).id).toBe(old.record.id);
  });

  it('goes on where the network cut an object', async () => {
    await machine().snap(site);
    const proxy = await startProxy(Number(new URL(buckets.service.endpoint).port));
    try {
      const near = open({endpoint: `http://127.0.0.1:${proxy.port}`});
      const [key = ''] = await near.list('objects/', never);
      const pieces: Buffer[] = [];
      let cuts = 0;
      for await (const piece of near.read(`objects/${key}`, {start: 0}, never)) {
        pieces.push(piece);
        if (cuts < 3) proxy.cut();
        cuts += 1;
      }
      expect(Buffer.concat(pieces).equals(large)).toBe(true);
    } finally {
      await proxy.close();
    }
  });

  it('tells wrong keys, a missing bucket, foreign rights, a clock that is wrong and a dead endpoint in one line each', async () => {
    const other = await buckets.service.addUser(`other-${buckets.bucket}`);
    const dead = await startProxy(1);
    await dead.close();
    expect(await problemOf({keys: {...ownerKeys, secretAccessKey: 'S3CRET-wrong'}})).toMatch(
      /^authentication: s3:\/\/\S+: SignatureDoesNotMatch$/,
    );
    expect(await problemOf({keys: {...ownerKeys, accessKeyId: 'NOBODY'}})).toMatch(/^authentication: s3:\/\/\S+: InvalidAccessKeyId$/);
    expect(await problemOf({keys: other})).toMatch(/^authentication: s3:\/\/\S+: AccessDenied$/);
    expect(await problemOf({bucket: 'not-there'})).toMatch(/^not-found: s3:\/\/\S+: NoSuchBucket$/);
    const behind = await problemOf({now: () => Date.now() - 3_600_000});
    expect(behind).toMatch(/^authentication: s3:\/\/\S+ refuses the time of this machine: its clock is 60 min behind that of the service$/);
    expect(await problemOf({now: () => Date.now() + 3_600_000})).toMatch(/its clock is 60 min ahead of that of the service$/);
    expect(await problemOf({endpoint: `http://127.0.0.1:${dead.port}`})).toMatch(
      /^unreachable: .* cannot be reached: connect ECONNREFUSED/,
    );
  });

  it('verifies the certificate of an endpoint', async () => {
    const endpoint = buckets.service.secureEndpoint;
    await machine({endpoint, ca: await readFile(buckets.service.ca, 'utf8')}).snap(site);
    expect(await problemOf({endpoint})).toMatch(/^unreachable: .*certificate/);
  });
});

import {createHash, randomBytes} from 'node:crypto';
import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {type Body, bodyOfFile} from '../../src/lib/snapshot/bucket-exchange.js';
import type {Digest} from '../../src/lib/snapshot/manifest.js';
import {startProxy} from '../host/tcp-proxy.js';
import {rigAvailable} from '../rig/available.js';
import {catchProblems, never} from '../snapshot/fixture.js';
import {useBuckets} from './use-buckets.js';

const available = rigAvailable();
const partBytes = 64 * 1024;

describe.skipIf(!available.ok)(`an object in parts${available.ok ? '' : ` (${available.why})`}`, () => {
  const buckets = useBuckets();
  let folder: string;
  let count = 0;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'drover-parts-'));
  });
  afterAll(() => rm(folder, {recursive: true, force: true}));

  async function bodyWith(bytes: Buffer, digest?: string): Promise<Body> {
    const file = path.join(folder, `file-${++count}`);
    await writeFile(file, bytes);
    return bodyOfFile(file, bytes.length, (digest ?? createHash('sha256').update(bytes).digest('hex')) as Digest);
  }

  it.each([4 * partBytes, 4 * partBytes + 1, 7 * partBytes - 1, 20 * partBytes])('brings %i bytes whole, once', async (size) => {
    const bucket = buckets.open({partBytes});
    const bytes = randomBytes(size);
    const body = await bodyWith(bytes);
    expect(await bucket.add('objects/film', body, never)).toBe(true);
    expect((await bucket.get('objects/film', never))?.equals(bytes)).toBe(true);
    expect(await bucket.add('objects/film', await bodyWith(randomBytes(size)), never)).toBe(false);
    expect((await bucket.get('objects/film', never))?.equals(bytes)).toBe(true);
    const other = randomBytes(size);
    await bucket.replace('objects/film', await bodyWith(other), never);
    expect((await bucket.get('objects/film', never))?.equals(other)).toBe(true);
    expect(await bucket.listUploads(never)).toEqual([]);
  });

  it('leaves one whole object when two bring the same at once', async () => {
    const bytes = randomBytes(9 * partBytes);
    const body = await bodyWith(bytes);
    await Promise.all([1, 2, 3].map(() => buckets.open({partBytes}).add('objects/film', body, never)));
    const bucket = buckets.open();
    expect((await bucket.get('objects/film', never))?.equals(bytes)).toBe(true);
    expect(await bucket.listUploads(never)).toEqual([]);
  });

  it('goes on where the network cut it', async () => {
    const proxy = await startProxy(Number(new URL(buckets.service.endpoint).port));
    try {
      const bucket = buckets.open({partBytes, endpoint: `http://127.0.0.1:${proxy.port}`});
      const bytes = randomBytes(30 * partBytes);
      const adding = bucket.add('objects/film', await bodyWith(bytes), never);
      let isDone = false;
      const ended = adding.finally(() => {
        isDone = true;
      });
      for (let cuts = 0; cuts < 3 && !isDone; cuts += Number((await buckets.open().listUploads(never)).length > 0)) proxy.cut();
      expect(await ended).toBe(true);
      expect((await bucket.get('objects/film', never))?.equals(bytes)).toBe(true);
    } finally {
      await proxy.close();
    }
  });

  it('shows nothing of a file that is not what its digest says, or that was given up, and leaves no part behind', async () => {
    const bucket = buckets.open({partBytes});
    const altered = await bodyWith(randomBytes(9 * partBytes), '0'.repeat(64));
    expect((await catchProblems(() => bucket.add('objects/film', altered, never))).code).toBe('integrity');
    const stopping = new AbortController();
    const adding = bucket.add('objects/film', await bodyWith(randomBytes(300 * partBytes)), stopping.signal);
    while ((await buckets.open().listUploads(never)).length === 0) expect(await bucket.has('objects/film', never)).toBe(false);
    stopping.abort();
    await expect(adding).rejects.toBeDefined();
    expect(await bucket.has('objects/film', never)).toBe(false);
    expect(await bucket.listUploads(never)).toEqual([]);
  });
});

import {spawnSync} from 'node:child_process';
import {randomBytes} from 'node:crypto';
import {chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, it} from 'vitest';
import type {Sent} from '../../src/lib/delivery/send-delta.js';
import {type FetchOptions, fetchDelta} from '../../src/lib/delivery/via-store.js';
import type {ExecRequest, Link} from '../../src/lib/host/link.js';
import {Bucket} from '../../src/lib/snapshot/bucket.js';
import {bodyOf} from '../../src/lib/snapshot/bucket-exchange.js';
import {shareDelta} from '../../src/lib/snapshot/bucket-share.js';
import type {Delta, SharedDelta} from '../../src/lib/snapshot/store.js';
import {partOf} from '../delivery/delivery-contract.js';
import {plainEnv} from '../host/some-host.js';
import {startProxy} from '../host/tcp-proxy.js';
import {linkWith, listIncoming, Site, shells} from '../host/verb-site.js';
import {rigAvailable} from '../rig/available.js';
import {never} from '../snapshot/fixture.js';
import {type BucketOptions, describeBucket, makeBucket} from './bucket-machine.js';
import {type ObjectStore, startObjectStore} from './object-store.js';

const available = rigAvailable();
const bulk = Object.fromEntries(Array.from({length: 40}, (_, index) => [`files/${index}`, scramble(index, 9000)]));

function scramble(seed: number, lines: number): string {
  let state = seed * 2_654_435_761 + 1;
  return Array.from({length: lines}, () => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 7;
    return (state >>> 0).toString(36);
  }).join('\n');
}

describe.skipIf(!available.ok)(`fetchDelta()${available.ok ? '' : ` (${available.why})`}`, () => {
  let service: ObjectStore;
  let folder: string;
  let site: Site;
  const sites: Site[] = [];

  beforeAll(async () => {
    service = await startObjectStore();
    await makeBucket(service, 'releases');
    folder = await mkdtemp(path.join(tmpdir(), 'drover-fetch-'));
  });
  afterAll(async () => {
    await service?.stop();
    await rm(folder, {recursive: true, force: true});
  });
  beforeEach(async () => {
    site = await Site.make();
    sites.push(site);
  });
  afterEach(() => Promise.all(sites.splice(0).map((each) => each.remove())));

  const open = (options: BucketOptions = {}): Bucket => new Bucket(describeBucket(service, 'releases', options));
  const share = (delta: Delta, options: BucketOptions = {}): Promise<SharedDelta> => shareDelta(open(options), delta, never);
  const fetch = (delta: Delta, shared: SharedDelta, more: Partial<FetchOptions> = {}): Promise<Sent> =>
    fetchDelta({
      host: site.app,
      delta,
      unpackedBytes: delta.unpackedBytes,
      links: {},
      onProgress: () => undefined,
      shared,
      otherwise: (why) => Promise.reject(new Error(why)),
      ...more,
    });
  /** Why the host was left to another way. */
  const whyNot = async (delta: Delta, shared: SharedDelta, more: Partial<FetchOptions> = {}): Promise<string> => {
    const reasons: string[] = [];
    const otherwise = (why: string): Promise<Sent> => {
      reasons.push(why);
      return Promise.resolve({kind: 'unchanged'});
    };
    await fetch(delta, shared, {...more, otherwise});
    return reasons.join('\n');
  };
  const bulky = async (on = site): Promise<Delta> => on.delta(undefined, await on.snapshot(bulk));

  it.each(shells)('brings a release under $name, uploads its delta once, and leaves nothing behind', async (shell) => {
    const other = await Site.make(shell);
    sites.push(other);
    const delta = await bulky(other);
    const first = await share(delta);
    const again = await share(delta);
    expect(again.uploadedBytes).toBe(0);
    expect(await fetch(delta, first, {host: other.app})).toEqual({kind: 'staged', sentBytes: delta.bytes, resumedBytes: 0});
    await other.app.verify(delta.snapshot);
    expect(await listIncoming(other)).toEqual([]);
    expect(await fetch(delta, first, {host: other.app})).toEqual({kind: 'unchanged'});
  });

  it('fetches the rest alone when the service cuts the connection, with a new address each time', async () => {
    // More than the buffers of a connection hold.
    const delta = await site.delta(undefined, await site.snapshot({film: randomBytes(15_000_000).toString('base64')}));
    await share(delta);
    const proxy = await startProxy(Number(new URL(service.endpoint).port));
    const watched = new AbortController();
    try {
      const near = await share(delta, {endpoint: `http://127.0.0.1:${proxy.port}`});
      let addresses = 0;
      const shared: SharedDelta = {
        ...near,
        presign: (seconds) => {
          addresses += 1;
          return near.presign(seconds);
        },
      };
      const cutting = cutWhen(partOf(site, delta), [1, delta.bytes / 2], () => proxy.cut(), watched.signal);
      const sent = await fetch(delta, shared, {rate: () => delta.bytes});
      watched.abort();
      await cutting;
      expect(sent.kind).toBe('staged');
      expect(addresses).toBeGreaterThan(1);
      await site.app.verify(delta.snapshot);
    } finally {
      await proxy.close();
    }
  });

  it('continues from the verified prefix after the link died, and ends the curl that it left', async () => {
    const delta = await bulky();
    const shared = await share(delta);
    const part = partOf(site, delta);
    const dying = new AbortController();
    const link: Link = {
      ...site.link,
      exec: (request: ExecRequest) => site.link.exec({...request, signal: AbortSignal.any([request.signal, dying.signal])}),
    };
    const watched = new AbortController();
    const cutting = cutWhen(part, [1], () => dying.abort(), watched.signal);
    await expect(fetch(delta, shared, {host: site.appOver(link), rate: () => delta.bytes / 3})).rejects.toBeInstanceOf(Error);
    watched.abort();
    await cutting;
    expect((await stat(part)).size).toBeGreaterThan(0);
    const sent = await fetch(delta, shared);
    expect(sent.kind === 'staged' && sent.resumedBytes > 0 && sent.resumedBytes + sent.sentBytes === delta.bytes).toBe(true);
    await site.app.verify(delta.snapshot);
  });

  it('renews an address that has expired, and falls back when every one is refused', async () => {
    const delta = await bulky();
    const shared = await share(delta);
    const expired = new Bucket(describeBucket(service, 'releases', {now: () => Date.now() - 400_000}));
    let turn = 0;
    const presign = (seconds: number): Promise<string> =>
      turn++ === 0 ? expired.presign(`deltas/${delta.digest}`, 300) : shared.presign(seconds);
    expect(await fetch(delta, {...shared, presign})).toMatchObject({kind: 'staged'});
    expect(turn).toBe(2);
    const next = await site.delta(undefined, await site.snapshot({...bulk, more: 'x'}));
    const never403 = await share(next);
    const why = await whyNot(next, {...never403, presign: () => expired.presign(`deltas/${next.digest}`, 300)});
    expect(why).toMatch(/: curl cannot fetch the delta: \(22\) The requested URL returned error: 403$/);
  });

  it('B21 T20 finds what was altered in the bucket, keeps nothing of it, and says so', async () => {
    const delta = await bulky();
    const shared = await share(delta);
    const bytes = await readFile(delta.path);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
    const bucket = open();
    for (const [altered, reason] of [
      [bytes, 'the delta in the bucket was altered'],
      [Buffer.concat([bytes, Buffer.alloc(3_000_000, 'x')]), 'curl cannot fetch|holds more than the delta has'],
      [bytes.subarray(0, 100), 'the bucket holds less than the delta has|curl cannot fetch'],
    ] as const) {
      await bucket.replace(`deltas/${delta.digest}`, bodyOf(altered), never);
      expect(await whyNot(delta, shared)).toMatch(new RegExp(reason));
      expect((await site.app.readState()).releases).toEqual([]);
    }
    await shared.replace();
    expect(await fetch(delta, shared)).toMatchObject({kind: 'staged'});
  });

  it('says why a host cannot fetch: no way to the bucket, a certificate it does not trust', async () => {
    const delta = await bulky();
    const shared = await share(delta);
    const dash = shells[0];
    if (dash === undefined) throw new Error('there is no shell');
    const dead = await startProxy(1);
    await dead.close();
    const nowhere = {...shared, presign: () => Promise.resolve(`http://127.0.0.1:${dead.port}/releases/x?X-Amz-Signature=S3CRET`)};
    const why = await whyNot(delta, nowhere);
    expect(why).toContain('curl cannot fetch the delta: (7)');
    expect(why).not.toContain('S3CRET');
    const odd = {...shared, presign: () => Promise.resolve('http://[broken/x?X-Amz-Signature=S3CRET')};
    expect(await whyNot(delta, odd)).not.toContain('S3CRET');
    const secure = open({endpoint: service.secureEndpoint, ca: await readFile(service.ca, 'utf8')});
    const overTls = await shareDelta(secure, delta, never);
    expect(await whyNot(delta, overTls)).toMatch(/: curl cannot fetch the delta: \(60\)/);
    const trusting = linkWith({...dash, env: plainEnv({CURL_CA_BUNDLE: service.ca})});
    expect(await fetch(delta, overTls, {host: site.appOver(trusting)})).toMatchObject({kind: 'staged'});
  });

  it('T28 shows the address to nobody: not in an argument, a file of the host, a label or an error', async () => {
    const delta = await bulky();
    const shared = await share(delta);
    const spy = path.join(folder, 'spy');
    await mkdir(spy, {recursive: true});
    const seen = path.join(folder, 'seen');
    await writeFile(path.join(spy, 'curl'), `#!/bin/sh\nprintf '%s\\n' "$*" >>${seen}\nenv >>${seen}\nexec /usr/bin/curl "$@"\n`);
    await chmod(path.join(spy, 'curl'), 0o755);
    const dash = shells[0];
    if (dash === undefined) throw new Error('there is no shell');
    const labels: string[] = [];
    const spied = linkWith({...dash, env: plainEnv({PATH: `${spy}:/usr/bin:/bin`})});
    const link: Link = {
      ...spied,
      exec: (request) => {
        labels.push(request.label ?? '', request.command);
        return spied.exec(request);
      },
    };
    const address = new URL(await shared.presign(300));
    const signature = address.searchParams.get('X-Amz-Signature');
    expect(signature).toMatch(/^[0-9a-f]{64}$/);
    expect(await fetch(delta, {...shared, presign: () => Promise.resolve(address.href)}, {host: site.appOver(link)})).toMatchObject({
      kind: 'staged',
    });
    const shown = `${await readFile(seen, 'utf8')}${labels.join('\n')}${spawnSync('grep', ['-r', 'X-Amz', site.folder], {encoding: 'utf8'}).stdout}`;
    expect(shown).toContain('-K -');
    expect(shown).not.toContain('X-Amz');
  });
});

/** Calls `cut` each time the file has grown to one of the sizes. */
async function cutWhen(file: string, sizes: readonly number[], cut: () => void, signal: AbortSignal): Promise<void> {
  for (const bytes of sizes) {
    while (!signal.aborted && ((await stat(file).catch(() => undefined))?.size ?? 0) < bytes)
      await new Promise((done) => setImmediate(done));
    if (!signal.aborted) cut();
  }
}

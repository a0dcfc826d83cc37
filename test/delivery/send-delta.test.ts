import {stat, truncate} from 'node:fs/promises';
import {Readable} from 'node:stream';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import {sendDelta} from '../../src/lib/delivery/send-delta.js';
import {HostApp} from '../../src/lib/host/host-app.js';
import type {ExecRequest, Link} from '../../src/lib/host/link.js';
import type {SnapshotId} from '../../src/lib/snapshot/manifest.js';
import type {Delta} from '../../src/lib/snapshot/store.js';
import {patiently} from '../host/some-host.js';
import {Site} from '../host/verb-site.js';

describe('sendDelta()', () => {
  let site: Site;
  let id: SnapshotId;
  let delta: Delta;
  beforeEach(async () => {
    site = await Site.make();
    id = await site.snapshot({big: Array.from({length: 200_000}, () => Math.random().toString(36)).join('')});
    delta = await site.delta(undefined, id);
  });
  afterEach(() => site.remove());

  const send = (more: Partial<Parameters<typeof sendDelta>[0]> = {}): ReturnType<typeof sendDelta> =>
    sendDelta({host: site.app, delta, unpackedBytes: delta.unpackedBytes, links: {}, onProgress: () => undefined, ...more});

  /** The app over a link that is cut once the host has `bytes` of the delta. */
  function cutAfter(bytes: number): HostApp {
    const part = site.at('.drover', 'incoming', `${id.slice(0, 16)}-${delta.digest.slice(0, 16)}.delta`);
    const link: Link = {
      ...site.link,
      exec: (request: ExecRequest) => {
        const {stdin} = request;
        if (stdin === undefined || Buffer.isBuffer(stdin)) return site.link.exec(request);
        const cutting = new AbortController();
        const watched = async function* (): AsyncGenerator<Buffer> {
          for await (const piece of stdin as AsyncIterable<Buffer>) {
            yield piece;
            if (((await stat(part).catch(() => undefined))?.size ?? 0) >= bytes) cutting.abort();
          }
        };
        return site.link.exec({...request, stdin: Readable.from(watched()), signal: AbortSignal.any([request.signal, cutting.signal])});
      },
    };
    return new HostApp(link, site.root, 'shop', patiently);
  }

  it('brings a snapshot once, and says how far it is', async () => {
    const progress: number[] = [];
    expect(await send({onProgress: (sentBytes) => progress.push(sentBytes)})).toEqual({
      kind: 'staged',
      sentBytes: delta.bytes,
      resumedBytes: 0,
    });
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
    expect(progress.at(-1)).toBe(delta.bytes);
    await site.app.verify(id);
    expect(await send()).toEqual({kind: 'unchanged'});
  });

  it('continues where the link was cut, however often', async () => {
    await expect(send({host: cutAfter(1)})).rejects.toMatchObject({failure: 'lost', code: 'unreachable'});
    await expect(send({host: cutAfter(100_000)})).rejects.toMatchObject({failure: 'lost'});
    const sent = await send();
    expect(sent.kind).toBe('staged');
    if (sent.kind !== 'staged') return;
    expect(sent.resumedBytes).toBeGreaterThan(0);
    expect(sent.sentBytes + sent.resumedBytes).toBe(delta.bytes);
    await site.app.verify(id);
  });

  it('leaves the plan of the run, and ends the run where the push is all of it', async () => {
    await send({run: {id: 'run-1', plan: '{"a":1}', endsHere: false}});
    expect(await site.app.readPlan('run-1')).toBe('{"a":1}');
    expect((await site.app.readState()).openRuns).toEqual(['run-1']);
    await send({run: {id: 'run-2', plan: '{}', endsHere: true}});
    expect((await site.app.readState()).openRuns).toEqual(['run-1']);
  });

  it('reports a delta that is gone or shorter than it was, and recovers with a good one', async () => {
    await expect(send({delta: {...delta, path: `${delta.path}-none`}})).rejects.toMatchObject({
      failure: 'lost',
      message: expect.stringContaining('ENOENT') as string,
    });
    const copy = await site.delta(undefined, id);
    await truncate(copy.path, 1000);
    await expect(send()).rejects.toMatchObject({failure: 'damaged', code: 'integrity'});
    delta = await site.delta(undefined, id);
    expect(await send()).toMatchObject({kind: 'staged'});
    await site.app.verify(id);
  });
});

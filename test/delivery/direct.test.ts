import {readFile, stat, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {Readable} from 'node:stream';
import {setTimeout as sleep} from 'node:timers/promises';
import {describe, expect, it} from 'vitest';
import {sendDelta} from '../../src/lib/delivery/send-delta.js';
import type {ExecRequest, Link} from '../../src/lib/host/link.js';
import {canEncode} from '../../src/lib/snapshot/delta-encoding.js';
import type {Delta} from '../../src/lib/snapshot/store.js';
import {Site} from '../host/verb-site.js';
import {describeDelivery, partOf, type Way} from './delivery-contract.js';

/** The site's link, cut once the part has `bytes` bytes. */
function cutLink(site: Site, delta: Delta, bytes: number): Link {
  const exec = (request: ExecRequest) => {
    const {stdin} = request;
    if (stdin === undefined || Buffer.isBuffer(stdin)) return site.link.exec(request);
    const cutting = new AbortController();
    const have = async (): Promise<number> => (await stat(partOf(site, delta)).catch(() => undefined))?.size ?? 0;
    const limited = async function* (): AsyncGenerator<Buffer> {
      const before = await have();
      let left = bytes - before;
      let header = true;
      for await (const piece of stdin as AsyncIterable<Buffer>) {
        if (header) yield piece;
        else if (left > 0) yield piece.subarray(0, left);
        if (!header) left -= piece.length;
        header = false;
        if (left <= 0) break;
      }
      while ((await have()) < bytes) await sleep(5);
      cutting.abort();
    };
    return site.link.exec({...request, stdin: Readable.from(limited()), signal: AbortSignal.any([request.signal, cutting.signal])});
  };
  return {...site.link, exec};
}

const open = async (): Promise<Way> => ({
  send: async (site, delta, {cutAfterBytes} = {}) => {
    const sent = await sendDelta({
      host: cutAfterBytes === undefined ? site.app : site.appOver(cutLink(site, delta, cutAfterBytes)),
      delta,
      unpackedBytes: delta.unpackedBytes,
      links: {},
      onProgress: () => undefined,
    });
    return sent.kind === 'unchanged' ? sent : {...sent, cameBytes: sent.sentBytes};
  },
  close: async () => undefined,
});

describeDelivery('directly', open, {usual: {trees: 6, files: 1000, flips: 8, stride: 13}});

describe.runIf(canEncode('zstd'))('a delta by zstd', () => {
  it('arrives as the same tree, with and without a base, and a flipped bit in it is found', async () => {
    const site = await Site.make();
    const send = (delta: Delta) => sendDelta({host: site.app, delta, unpackedBytes: 0, links: {}, onProgress: () => undefined});
    const a = await site.snapshot({x: 'sheep '.repeat(9000), 'y/z': '1'});
    const b = await site.snapshot({x: 'sheep '.repeat(9001), 'y/z': '1'});
    await send(await site.delta(undefined, a, 'zstd'));
    const delta = await site.delta(a, b, 'zstd');
    const bytes = await readFile(delta.path);
    bytes[bytes.length - 9] = (bytes.at(-9) ?? 0) ^ 1;
    const bad = path.join(site.folder, 'bad');
    await writeFile(bad, bytes);
    await expect(send({...delta, path: bad})).rejects.toMatchObject({code: 'integrity'});
    expect(await send(delta)).toMatchObject({kind: 'staged', sentBytes: delta.bytes});
    await site.app.verify(b);
    await site.remove();
  });
});

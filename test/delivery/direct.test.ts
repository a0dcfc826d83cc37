import {stat} from 'node:fs/promises';
import {Readable} from 'node:stream';
import {setTimeout as sleep} from 'node:timers/promises';
import {sendDelta} from '../../src/lib/delivery/send-delta.js';
import type {ExecRequest, Link} from '../../src/lib/host/link.js';
import type {Delta} from '../../src/lib/snapshot/store.js';
import type {Site} from '../host/verb-site.js';
import {describeDelivery, partOf} from './delivery-contract.js';

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

describeDelivery('directly', async () => ({
  send: (site, delta, {cutAfterBytes} = {}) =>
    sendDelta({
      host: cutAfterBytes === undefined ? site.app : site.appOver(cutLink(site, delta, cutAfterBytes)),
      delta,
      unpackedBytes: delta.unpackedBytes,
      links: {},
      onProgress: () => undefined,
    }),
  close: async () => undefined,
}));

import {readFile} from 'node:fs/promises';
import {fetchDelta} from '../../src/lib/delivery/via-store.js';
import {DroverError} from '../../src/lib/errors/drover-error.js';
import {Bucket} from '../../src/lib/snapshot/bucket.js';
import {BucketCredentials, type BucketKeys} from '../../src/lib/snapshot/bucket-credentials.js';
import {bodyOf} from '../../src/lib/snapshot/bucket-exchange.js';
import {patiently} from '../host/some-host.js';
import type {Way} from './delivery-contract.js';
import {dieAfter} from './dying-link.js';
import {startServiceGate} from './object-service.js';

/** Through the bucket `releases` of a service, which gets what lies at the path of the delta, good or bad, under the delta's digest. */
export async function openStoreWay(service: {readonly endpoint: string; readonly keys: BucketKeys}): Promise<Way> {
  const gate = await startServiceGate(service.endpoint);
  const bucket = new Bucket({
    endpoint: gate.endpoint,
    region: 'us-east-1',
    bucket: 'releases',
    prefix: '',
    where: 's3://releases',
    credentials: () => new BucketCredentials(service.keys),
    now: Date.now,
    random: () => 0,
  });
  return {
    async send(site, delta, {cutAfterBytes} = {}) {
      const key = `deltas/${delta.digest}`;
      const body = bodyOf(await readFile(delta.path));
      await bucket.replace(key, body, patiently);
      gate.lastByte = cutAfterBytes;
      try {
        const sent = await fetchDelta({
          host: cutAfterBytes === undefined ? site.app : site.appOver(dieAfter('stage-fetch', site.link)),
          delta,
          unpackedBytes: delta.unpackedBytes,
          links: {},
          onProgress: () => undefined,
          shared: {
            uploadedBytes: body.bytes,
            presign: (seconds) => bucket.presign(key, seconds),
            replace: () => bucket.replace(key, body, patiently),
          },
          // No other way: what the bucket gave is judged by itself.
          otherwise: async (message) => {
            throw new DroverError({code: 'integrity', message});
          },
        });
        return sent.kind === 'unchanged' ? sent : {...sent, cameBytes: sent.sentBytes};
      } finally {
        gate.lastByte = undefined;
      }
    },
    close: () => gate.close(),
  };
}

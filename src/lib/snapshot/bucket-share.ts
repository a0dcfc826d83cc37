import type {Bucket} from './bucket.js';
import {bodyOfFile} from './bucket-exchange.js';
import type {Delta, SharedDelta} from './store.js';

/** Puts a delta where hosts can fetch it. One that is there already, under its digest, is not sent again. */
export async function shareDelta(bucket: Bucket, delta: Delta, signal: AbortSignal): Promise<SharedDelta> {
  const {bytes, digest, path} = delta;
  const key = `deltas/${digest}`;
  const body = bodyOfFile(path, bytes, digest);
  const isNew = !(await bucket.has(key, signal)) && (await bucket.add(key, body, signal));
  return {
    uploadedBytes: isNew ? bytes : 0,
    presign: (seconds) => bucket.presign(key, seconds),
    replace: () => bucket.replace(key, body, signal),
  };
}

import {createHash} from 'node:crypto';
import {DroverError} from '../errors/drover-error.js';
import type {Bucket} from './bucket.js';
import {fetchManifest, fetchSmall, type NeededObject} from './bucket-fetch.js';
import type {KnownBucket} from './bucket-known.js';
import type {Digest, SnapshotId} from './manifest.js';
import {parseManifest} from './manifest-text.js';
import type {DamagedObject} from './store.js';

const maxPaths = 5;

/** Reads every object of these snapshots from the bucket itself, not from what is kept here, and compares its digest. */
export async function verifyBucket(
  bucket: Bucket,
  known: KnownBucket,
  ids: readonly SnapshotId[],
  signal: AbortSignal,
): Promise<readonly DamagedObject[]> {
  const damaged: DamagedObject[] = [];
  const needed = new Map<Digest, NeededObject & {readonly paths: string[]}>();
  for (const id of ids) {
    const text = await fetchManifest(bucket, id, signal).catch((error: unknown) => {
      if (!(error instanceof DroverError) || (error.code !== 'integrity' && error.code !== 'not-found')) throw error;
      damaged.push({
        digest: id as string as Digest,
        why: error.code === 'integrity' ? 'altered' : 'missing',
        paths: [`snapshots/${id}.gz`],
      });
      return undefined;
    });
    if (text === undefined) continue;
    for (const entry of parseManifest(text.toString('utf8')).entries) {
      if (entry.kind !== 'file') continue;
      const {digest, size, path} = entry;
      const need = needed.get(digest);
      if (need === undefined) needed.set(digest, {digest, size, paths: [path]});
      else if (need.paths.length < maxPaths && !need.paths.includes(path)) need.paths.push(path);
    }
  }
  const places = await known.readPlaces(signal);
  const all = [...needed.values()];
  const nowhere = {take: () => undefined};
  const bad = await fetchSmall(
    bucket,
    places,
    all.filter(({digest}) => places.has(digest)),
    nowhere,
    signal,
  );
  for (const {digest} of bad) damaged.push({digest, why: 'altered', paths: needed.get(digest)?.paths ?? []});
  for (const object of all) {
    if (places.has(object.digest)) continue;
    const why = await checkLarge(bucket, object, signal);
    if (why !== undefined) damaged.push({digest: object.digest, why, paths: object.paths});
  }
  return damaged;
}

async function checkLarge(bucket: Bucket, {digest, size}: NeededObject, signal: AbortSignal): Promise<DamagedObject['why'] | undefined> {
  const sum = createHash('sha256');
  let bytes = 0;
  const pieces = bucket.read(`objects/${digest.slice(0, 2)}/${digest}`, {start: 0}, signal);
  for (;;) {
    const step = await pieces.next();
    if (step.done === true) {
      if (!step.value) return 'missing';
      break;
    }
    bytes += step.value.length;
    sum.update(step.value);
  }
  if (bytes < size) return 'truncated';
  return sum.digest('hex') === digest ? undefined : 'altered';
}

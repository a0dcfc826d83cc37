import {createHash} from 'node:crypto';
import {DroverError} from '../errors/drover-error.js';
import type {Bucket} from './bucket.js';
import {fetchManifest, fetchSmall, type NeededObject} from './bucket-fetch.js';
import type {KnownBucket} from './bucket-known.js';
import type {Digest, Manifest, SnapshotId} from './manifest.js';
import {parseManifest} from './manifest-text.js';
import type {DamagedObject} from './store.js';

const maxPaths = 5;

export interface VerifiedPlace {
  readonly bucket: Bucket;
  readonly known: KnownBucket;
}

/** As `verifyBucket` for all snapshots, and records and indexes of packs besides. */
export async function verifyWholeBucket(place: VerifiedPlace, signal: AbortSignal): Promise<readonly DamagedObject[]> {
  const {bucket, known} = place;
  const altered = await known.findAltered(signal);
  const damaged = altered.map((file): DamagedObject => ({digest: readDigest(file), why: 'altered', paths: [file], file}));
  const ids = (await bucket.list('records/', signal)).map((name) => readDigest(name) as string as SnapshotId);
  const parts = (await bucket.list('parts/', signal)).map((name) => readDigest(name) as string as SnapshotId);
  const indexes = new Set(altered.filter((file) => file.startsWith('packs/')).map((file) => file.slice('packs/'.length)));
  return [...damaged, ...(await verifyBucket(place, [...new Set([...ids, ...parts])], signal, indexes))];
}

/**
 * Reads every object of these snapshots from the bucket itself, not from what is kept here, and compares its digest. A copy that was altered is
 * damage also where another pack has a whole one. `without` names indexes that are not to be read.
 */
export async function verifyBucket(
  {bucket, known}: VerifiedPlace,
  ids: readonly SnapshotId[],
  signal: AbortSignal,
  without: ReadonlySet<string> = new Set(),
): Promise<readonly DamagedObject[]> {
  const damaged: DamagedObject[] = [];
  const needed = new Map<Digest, NeededObject & {readonly paths: string[]}>();
  for (const id of ids) {
    const manifest = await tryFetch(bucket, id, damaged, signal);
    for (const entry of manifest?.entries ?? []) {
      if (entry.kind !== 'file') continue;
      const {digest, size, path} = entry;
      const need = needed.get(digest);
      if (need === undefined) needed.set(digest, {digest, size, paths: [path]});
      else if (need.paths.length < maxPaths && !need.paths.includes(path)) need.paths.push(path);
    }
  }
  const places = await known.readPlaces(signal, without);
  const small = [...needed.values()].filter(({digest}) => places.has(digest));
  const bad = new Set<Digest>();
  const lacking = await fetchSmall(bucket, places, small, {take: () => undefined}, signal, (digest) => bad.add(digest));
  for (const {digest} of lacking) bad.add(digest);
  for (const digest of bad) damaged.push({digest, why: 'altered', paths: needed.get(digest)?.paths ?? []});
  for (const object of needed.values()) {
    if (places.has(object.digest)) continue;
    const why = await checkLarge(bucket, object, signal);
    if (why !== undefined) damaged.push({digest: object.digest, why, paths: object.paths});
  }
  return damaged;
}

function readDigest(file: string): Digest {
  return file.slice(file.indexOf('/') + 1).slice(0, 64) as Digest;
}

async function tryFetch(bucket: Bucket, id: SnapshotId, damaged: DamagedObject[], signal: AbortSignal): Promise<Manifest | undefined> {
  try {
    return parseManifest((await fetchManifest(bucket, id, signal)).toString('utf8'));
  } catch (error) {
    if (!(error instanceof DroverError) || (error.code !== 'integrity' && error.code !== 'not-found')) throw error;
    const file = `snapshots/${id}.gz`;
    damaged.push({digest: id as string as Digest, why: error.code === 'integrity' ? 'altered' : 'missing', paths: [file], file});
    return undefined;
  }
}

/** What is wrong with a large object in the bucket, if anything. */
export async function checkLarge(
  bucket: Bucket,
  {digest, size}: NeededObject,
  signal: AbortSignal,
): Promise<DamagedObject['why'] | undefined> {
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

import {createHash, hash} from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import {gunzipSync} from 'node:zlib';
import {DroverError} from '../errors/drover-error.js';
import type {Bucket} from './bucket.js';
import {eachAtOnce, type RemotePlace} from './bucket-known.js';
import {nameTemporary, publish} from './durable-file.js';
import type {Digest, SnapshotId} from './manifest.js';
import {snapshotId} from './manifest-text.js';
import type {ObjectWriter} from './object-writer.js';
import type {StoreLayout} from './store-layout.js';

export type Places = ReadonlyMap<Digest, readonly RemotePlace[]>;

export interface NeededObject {
  readonly digest: Digest;
  readonly size: number;
}

/** Bytes between two wanted objects that are read rather than asked around. */
const gapBytes = 64 * 1024;
const maxReadBytes = 8 * 1024 * 1024;
const atOnce = 4;
const maxManifestBytes = 1024 * 1024 * 1024;

/** The text of a manifest in the bucket: `not-found`, or `integrity` when it is not what its id says. */
export async function fetchManifest(bucket: Bucket, id: SnapshotId, signal: AbortSignal): Promise<Buffer> {
  const packed = await bucket.get(`snapshots/${id}.gz`, signal);
  if (packed === undefined) {
    throw new DroverError({
      code: 'not-found',
      message: `snapshot ${id.slice(0, 12)} is not in ${bucket.where}`,
      fix: 'take it again: drover snapshot',
    });
  }
  const text = inflate(packed);
  if (text === undefined || snapshotId(text) !== id) {
    throw new DroverError({
      code: 'integrity',
      message: `manifest of snapshot ${id.slice(0, 12)} in ${bucket.where} was altered`,
      fix: 'delete it from the bucket, then take the snapshot again',
    });
  }
  return text;
}

function inflate(packed: Buffer): Buffer | undefined {
  try {
    return gunzipSync(packed, {maxOutputLength: maxManifestBytes});
  } catch {
    return undefined;
  }
}

/** Neighbours in one pack, read with one request. */
interface Span {
  readonly pack: string;
  readonly start: number;
  end: number;
  readonly objects: (RemotePlace & {readonly digest: Digest})[];
}

/** Few requests for many objects, none of them for more than `maxReadBytes`, but for an object that is larger itself. */
export function planSpans(wanted: readonly (RemotePlace & {readonly digest: Digest})[]): readonly Span[] {
  const spans: Span[] = [];
  const sorted = [...wanted].sort((a, b) => (a.pack === b.pack ? a.offset - b.offset : a.pack < b.pack ? -1 : 1));
  for (const object of sorted) {
    const last = spans.at(-1);
    const end = object.offset + object.length;
    if (last?.pack === object.pack && object.offset - last.end <= gapBytes && end - last.start <= maxReadBytes) {
      last.end = Math.max(last.end, end);
      last.objects.push(object);
    } else spans.push({pack: object.pack, start: object.offset, end, objects: [object]});
  }
  return spans;
}

/**
 * Brings small objects into a store, each after its digest was compared. What was altered in the bucket is read once more, from another pack
 * where there is one. Gives those that are nowhere, or nowhere whole.
 */
export async function fetchSmall(
  bucket: Bucket,
  places: Places,
  needed: readonly NeededObject[],
  writer: Pick<ObjectWriter, 'take'>,
  signal: AbortSignal,
  onAltered: (digest: Digest, pack: string) => void = () => undefined,
): Promise<readonly NeededObject[]> {
  let left = needed;
  for (let round = 0; left.length > 0 && round < maxRounds; round += 1) {
    const wanted = left.flatMap(({digest, size}) => {
      const known = (places.get(digest) ?? []).filter(({length}) => length === size);
      const place = known[round % known.length];
      return place === undefined ? [] : [{...place, digest}];
    });
    const found = new Set<Digest>();
    await eachAtOnce(planSpans(wanted), atOnce, async (span) => {
      for (const {digest, bytes} of await readSpan(bucket, span, signal)) {
        writer.take(digest, bytes);
        found.add(digest);
      }
      for (const {digest} of span.objects) if (!found.has(digest)) onAltered(digest, span.pack);
    });
    left = left.filter(({digest}) => !found.has(digest));
  }
  return left;
}

const maxRounds = 3;

async function readSpan(
  bucket: Bucket,
  {pack, start, end, objects}: Span,
  signal: AbortSignal,
): Promise<readonly {digest: Digest; bytes: Buffer}[]> {
  const pieces: Buffer[] = [];
  if (end > start) for await (const piece of bucket.read(`packs/${pack}.pack`, {start, end: end - 1}, signal)) pieces.push(piece);
  const all = Buffer.concat(pieces);
  return objects
    .map(({digest, offset, length}) => ({digest, bytes: all.subarray(offset - start, offset - start + length)}))
    .filter(({digest, bytes}) => hash('sha256', bytes, 'hex') === digest);
}

/** Brings one large object into a store; false when it is not in the bucket, or was altered there. */
export async function fetchLarge(bucket: Bucket, {digest, size}: NeededObject, layout: StoreLayout, signal: AbortSignal): Promise<boolean> {
  const temporary = nameTemporary(layout.folder('objects'));
  const target = await fs.promises.open(temporary, 'wx', 0o444);
  const sum = createHash('sha256');
  let bytes = 0;
  try {
    for await (const piece of bucket.read(`objects/${digest.slice(0, 2)}/${digest}`, {start: 0}, signal)) {
      bytes += piece.length;
      if (bytes > size) return false;
      sum.update(piece);
      await target.writeFile(piece);
    }
    if (bytes !== size || sum.digest('hex') !== digest) return false;
    await target.sync();
    fs.mkdirSync(path.dirname(layout.object(digest)), {recursive: true});
    publish(temporary, layout.object(digest));
    return true;
  } finally {
    await target.close();
    fs.rmSync(temporary, {force: true});
  }
}

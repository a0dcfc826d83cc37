import fs from 'node:fs';
import path from 'node:path';
import {DroverError} from '../errors/drover-error.js';
import type {Bucket} from './bucket.js';
import {fetchLarge, fetchSmall, type NeededObject} from './bucket-fetch.js';
import type {KnownBucket} from './bucket-known.js';
import {ObjectCatalog} from './object-catalog.js';
import {readObject} from './object-reader.js';
import {ObjectWriter} from './object-writer.js';
import type {StoreLayout} from './store-layout.js';

export interface Sources {
  readonly bucket: Bucket;
  readonly known: KnownBucket;
  /** What was saved on this machine. */
  readonly own: StoreLayout;
  /** Where objects are brought to; only while nobody prunes there. */
  readonly fetched: StoreLayout;
}

/** Brings objects that are not there yet: from what was saved here, else from the bucket. Gives those that are nowhere whole. */
export async function bringObjects(
  {bucket, known, own, fetched}: Sources,
  needed: readonly NeededObject[],
  signal: AbortSignal,
): Promise<readonly NeededObject[]> {
  const here = ObjectCatalog.load(fetched);
  const writer = new ObjectWriter(fetched, (digest, size) => here.has(digest, size));
  try {
    const lacking = needed.filter(({digest, size}) => !here.has(digest, size));
    const remote = await copyObjects(own, {fetched, writer}, lacking);
    if (remote.length === 0) return [];
    const places = await known.readPlaces(signal);
    const small = remote.filter(({digest}) => places.has(digest));
    const lost = [...(await fetchSmall(bucket, places, small, writer, signal))];
    for (const object of remote) {
      if (places.has(object.digest)) continue;
      if (!(await fetchLarge(bucket, object, fetched, signal))) lost.push(object);
    }
    return lost;
  } finally {
    // What did arrive stays: the next try has less to do.
    writer.finish();
    writer.abort();
    here.close();
  }
}

/** Takes what was saved on this machine: small objects only when they are whole, large ones are verified when they are read. Gives the rest. */
export async function copyObjects(
  own: StoreLayout,
  {fetched, writer}: {readonly fetched: StoreLayout; readonly writer: ObjectWriter},
  needed: readonly NeededObject[],
): Promise<readonly NeededObject[]> {
  const catalog = ObjectCatalog.load(own);
  const rest: NeededObject[] = [];
  try {
    for (const object of needed) if (!(await copyObject({catalog, layout: own, target: fetched, writer}, object))) rest.push(object);
    return rest;
  } finally {
    catalog.close();
  }
}

async function copyObject(
  {catalog, layout, target, writer}: {catalog: ObjectCatalog; layout: StoreLayout; target: StoreLayout; writer: ObjectWriter},
  {digest, size}: NeededObject,
): Promise<boolean> {
  if (!catalog.has(digest, size)) return false;
  const place = catalog.find(digest);
  if (place?.kind === 'large') return linkLarge(place.file, target.object(digest));
  try {
    const pieces: Buffer[] = [];
    for await (const piece of readObject({layout, catalog, digest, size})) pieces.push(piece);
    writer.take(digest, Buffer.concat(pieces));
    return true;
  } catch (error) {
    passIntegrity(error);
    return false;
  }
}

function linkLarge(file: string, target: string): boolean {
  fs.mkdirSync(path.dirname(target), {recursive: true});
  fs.linkSync(file, target);
  return true;
}

/** Damage is what another source can heal; everything else is thrown on. */
export function passIntegrity(error: unknown): undefined {
  if (error instanceof DroverError && error.code === 'integrity') return undefined;
  throw error;
}

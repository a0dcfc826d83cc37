import fs from 'node:fs';
import path from 'node:path';
import {DroverError} from '../errors/drover-error.js';
import type {Bucket} from './bucket.js';
import {fetchLarge, fetchSmall, type NeededObject} from './bucket-fetch.js';
import type {KnownBucket} from './bucket-known.js';
import {ObjectCatalog} from './object-catalog.js';
import {checkObject, readObject} from './object-reader.js';
import {ObjectWriter} from './object-writer.js';
import {setAside} from './quarantine.js';
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
    const remote = await copyObjects(own, {fetched, writer}, lacking, signal);
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

/** Takes what was saved on this machine and is whole; what is not is put aside there. Gives the rest. */
export async function copyObjects(
  own: StoreLayout,
  {fetched, writer}: {readonly fetched: StoreLayout; readonly writer: ObjectWriter},
  needed: readonly NeededObject[],
  signal: AbortSignal,
): Promise<readonly NeededObject[]> {
  const catalog = ObjectCatalog.load(own);
  const rest: NeededObject[] = [];
  try {
    const places = {catalog, layout: own, target: fetched, writer};
    for (const object of needed) if (!(await copyObject(places, object, signal))) rest.push(object);
    return rest;
  } finally {
    catalog.close();
  }
}

async function copyObject(
  {catalog, layout, target, writer}: {catalog: ObjectCatalog; layout: StoreLayout; target: StoreLayout; writer: ObjectWriter},
  {digest, size}: NeededObject,
  signal: AbortSignal,
): Promise<boolean> {
  if (!catalog.has(digest, size)) return false;
  const place = catalog.find(digest);
  if (place?.kind === 'large') {
    const damage = await checkObject({catalog, digest, size}, signal);
    if (damage === undefined) return linkLarge(place.file, target.object(digest));
    setAside(layout, damage);
    return false;
  }
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
  // Of another size, or it would not be asked for.
  fs.rmSync(target, {force: true, recursive: true});
  fs.linkSync(file, target);
  return true;
}

/** Damage is what another source can heal; everything else is thrown on. */
export function passIntegrity(error: unknown): undefined {
  if (error instanceof DroverError && error.code === 'integrity') return undefined;
  throw error;
}

import {createHash} from 'node:crypto';
import fs from 'node:fs';
import {readErrorCode} from './error-code.js';
import type {Digest} from './manifest.js';
import type {ObjectCatalog, Place, ReadResult} from './object-catalog.js';
import {type Damage, reportDamage} from './quarantine.js';
import type {StoreLayout} from './store-layout.js';

const chunkBytes = 1024 * 1024;

/** The bytes of one object; ends with what is wrong with it. Bytes of a large object are told to be bad after they were given. */
async function* scanObject(catalog: ObjectCatalog, digest: Digest, size?: number): AsyncGenerator<Buffer, Damage | undefined> {
  const place = catalog.find(digest);
  if (place === undefined) return {digest, why: 'missing'};
  if (place.kind === 'large') return yield* scanFile(place.file, digest, size);
  const result = readWhole(catalog, place, size);
  if (result.kind === 'damaged') return result.damage;
  yield result.bytes;
  return undefined;
}

function readWhole(catalog: ObjectCatalog, place: Extract<Place, {kind: 'packed'}>, size?: number): ReadResult {
  const result = catalog.readPacked(place);
  if (result.kind === 'damaged' || size === undefined || result.bytes.length === size) return result;
  return {kind: 'damaged', damage: {digest: place.object.digest, why: 'altered', pack: place.pack.id}};
}

async function* scanFile(file: string, digest: Digest, size?: number): AsyncGenerator<Buffer, Damage | undefined> {
  const hash = createHash('sha256');
  let total = 0;
  try {
    for await (const piece of fs.createReadStream(file, {highWaterMark: chunkBytes}) as AsyncIterable<Buffer>) {
      total += piece.length;
      if (size !== undefined && total > size) return {digest, why: 'altered'};
      hash.update(piece);
      yield piece;
    }
  } catch (error) {
    const code = readErrorCode(error);
    if (code === undefined) throw error;
    return {digest, why: code === 'ENOENT' ? 'missing' : 'unreadable'};
  }
  if (size !== undefined && total < size) return {digest, why: 'truncated'};
  const actual = hash.digest('hex');
  return actual === digest ? undefined : {digest, why: 'altered', actual};
}

/** The bytes of one packed object at once; undefined for a large one. Throws as `readObject` does. */
export function readSmallObject({layout, catalog, digest, size}: ReadObjectOptions): Buffer | undefined {
  const place = catalog.find(digest);
  if (place === undefined) throw reportDamage(layout, {digest, why: 'missing'});
  if (place.kind === 'large') return undefined;
  const result = readWhole(catalog, place, size);
  if (result.kind === 'damaged') throw reportDamage(layout, result.damage);
  return result.bytes;
}

export interface ReadObjectOptions {
  readonly layout: StoreLayout;
  readonly catalog: ObjectCatalog;
  readonly digest: Digest;
  /** When given, any other size is damage. */
  readonly size?: number;
}

/** The bytes of one object. A bad one goes into quarantine and throws `integrity`, at the latest after the last byte. */
export async function* readObject({layout, catalog, digest, size}: ReadObjectOptions): AsyncGenerator<Buffer, void> {
  const damage = yield* scanObject(catalog, digest, size);
  if (damage !== undefined) throw reportDamage(layout, damage);
}

/** Reads an object to its end and says what is wrong with it. */
export async function checkObject(
  {catalog, digest, size}: Omit<ReadObjectOptions, 'layout'>,
  signal: AbortSignal,
): Promise<Damage | undefined> {
  const scan = scanObject(catalog, digest, size);
  for (;;) {
    signal.throwIfAborted();
    const step = await scan.next();
    if (step.done === true) return step.value;
  }
}

import {hash} from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import {DroverError} from '../errors/drover-error.js';
import {listIfThere} from './durable-file.js';
import {readErrorCode} from './error-code.js';
import type {Digest} from './manifest.js';
import {decodePackIndex, type PackedObject} from './pack-index.js';
import {type Damage, nameQuarantined} from './quarantine.js';
import type {StoreLayout} from './store-layout.js';

export interface Pack {
  readonly id: string;
  readonly file: string;
  /** 0 when the pack is missing. */
  readonly bytes: number;
  readonly objects: readonly PackedObject[];
}

export type Place =
  | {readonly kind: 'packed'; readonly pack: Pack; readonly object: PackedObject}
  | {readonly kind: 'large'; readonly file: string};

export type ReadResult = {readonly kind: 'bytes'; readonly bytes: Buffer} | {readonly kind: 'damaged'; readonly damage: Damage};

/** Knows where each object of a store lies, as of when it was loaded. Copies in quarantine are not there. */
export class ObjectCatalog {
  readonly packs: readonly Pack[];
  readonly #packed = new Map<Digest, {readonly pack: Pack; readonly object: PackedObject}>();
  readonly #layout: StoreLayout;
  readonly #open = new Map<string, number>();

  private constructor(layout: StoreLayout, packs: readonly Pack[], quarantined: ReadonlySet<string>) {
    this.#layout = layout;
    this.packs = packs;
    for (const pack of packs) {
      for (const object of pack.objects) {
        const lies = object.offset + object.length <= pack.bytes;
        if (lies && (quarantined.size === 0 || !quarantined.has(nameQuarantined(object.digest, pack.id)))) {
          this.#packed.set(object.digest, {pack, object});
        }
      }
    }
  }

  /** A damaged index goes into quarantine, and what only it knew is missing from then on. */
  static load(layout: StoreLayout): ObjectCatalog {
    const packs: Pack[] = [];
    for (const name of listIfThere(layout.folder('packs'))) {
      if (!name.endsWith('.idx')) continue;
      const id = name.slice(0, -4);
      const file = path.join(layout.folder('packs'), `${id}.pack`);
      const objects = readIndex(layout, name);
      if (objects !== undefined) packs.push({id, file, bytes: fs.statSync(file, {throwIfNoEntry: false})?.size ?? 0, objects});
    }
    return new ObjectCatalog(layout, packs, new Set(listIfThere(layout.folder('quarantine'))));
  }

  find(digest: Digest): Place | undefined {
    const packed = this.#packed.get(digest);
    if (packed !== undefined) return {kind: 'packed', ...packed};
    const file = this.#layout.object(digest);
    return fs.lstatSync(file, {throwIfNoEntry: false})?.isFile() ? {kind: 'large', file} : undefined;
  }

  /** True when a copy of the right size is there; its bytes are not read. */
  has(digest: Digest, size: number): boolean {
    const packed = this.#packed.get(digest);
    if (packed !== undefined) return packed.object.length === size;
    const stat = fs.lstatSync(this.#layout.object(digest), {throwIfNoEntry: false});
    return stat?.isFile() === true && stat.size === size;
  }

  /** The verified bytes of a packed object. */
  readPacked({pack, object}: Extract<Place, {kind: 'packed'}>): ReadResult {
    const {digest, offset, length} = object;
    const damaged = (why: Damage['why'], actual?: string): ReadResult => ({
      kind: 'damaged',
      damage: {digest, why, pack: pack.id, ...(actual === undefined ? {} : {actual})},
    });
    try {
      const bytes = Buffer.allocUnsafe(length);
      const readBytes = length === 0 ? 0 : fs.readSync(this.#descriptor(pack), bytes, 0, length, offset);
      if (readBytes < length) return damaged('truncated');
      const actual = hash('sha256', bytes, 'hex');
      return actual === digest ? {kind: 'bytes', bytes} : damaged('altered', actual);
    } catch (error) {
      const code = readErrorCode(error);
      if (code === undefined) throw error;
      return damaged(code === 'ENOENT' ? 'missing' : 'unreadable');
    }
  }

  #descriptor(pack: Pack): number {
    const open = this.#open.get(pack.id) ?? fs.openSync(pack.file, 'r');
    this.#open.set(pack.id, open);
    return open;
  }

  close(): void {
    for (const descriptor of this.#open.values()) fs.closeSync(descriptor);
    this.#open.clear();
  }
}

function readIndex(layout: StoreLayout, name: string): readonly PackedObject[] | undefined {
  const file = path.join(layout.folder('packs'), name);
  try {
    return decodePackIndex(fs.readFileSync(file), file);
  } catch (error) {
    const code = readErrorCode(error);
    if (code === 'ENOENT') return undefined;
    if (code === undefined && !(error instanceof DroverError)) throw error;
    return putIndexAside(layout, name, file);
  }
}

function putIndexAside(layout: StoreLayout, name: string, file: string): undefined {
  try {
    fs.renameSync(file, path.join(layout.folder('quarantine'), name));
  } catch (error) {
    // A store that cannot be written keeps it; it is as unusable there.
    if (readErrorCode(error) === undefined) throw error;
  }
  return undefined;
}

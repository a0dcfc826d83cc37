import {hash} from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import {DroverError} from '../errors/drover-error.js';
import {DigestTable} from './digest-table.js';
import {listIfThere} from './durable-file.js';
import {readErrorCode} from './error-code.js';
import type {Digest} from './manifest.js';
import {type PackedObject, PackIndex} from './pack-index.js';
import {type Damage, nameQuarantined} from './quarantine.js';
import type {StoreLayout} from './store-layout.js';

export interface Pack {
  readonly id: string;
  readonly file: string;
  /** 0 when the pack is missing. */
  readonly bytes: number;
  readonly objects: PackIndex;
}

export type Place =
  | {readonly kind: 'packed'; readonly pack: Pack; readonly object: PackedObject}
  | {readonly kind: 'large'; readonly file: string};

export type ReadResult = {readonly kind: 'bytes'; readonly bytes: Buffer} | {readonly kind: 'damaged'; readonly damage: Damage};

/** So many objects are looked for in the indexes as they lie; a table pays for whoever asks more. */
const searches = 32;

/** Knows where each object of a store lies, as of when it was loaded. Copies in quarantine are not there. */
export class ObjectCatalog {
  readonly packs: readonly Pack[];
  readonly #quarantined: ReadonlySet<string>;
  readonly #layout: StoreLayout;
  readonly #open = new Map<string, number>();
  #searched = 0;
  #table: PlaceTable | undefined;

  private constructor(layout: StoreLayout, packs: readonly Pack[], quarantined: ReadonlySet<string>) {
    this.#layout = layout;
    this.packs = packs;
    this.#quarantined = quarantined;
  }

  #isThere({id, bytes}: Pack, {digest, offset, length}: PackedObject): boolean {
    return offset + length <= bytes && !(this.#quarantined.size > 0 && this.#quarantined.has(nameQuarantined(digest, id)));
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
    const packed = this.#findPacked(digest);
    if (packed !== undefined) return packed;
    const file = this.#layout.object(digest);
    return fs.lstatSync(file, {throwIfNoEntry: false})?.isFile() ? {kind: 'large', file} : undefined;
  }

  /** True when a pack holds a copy of the right size; its bytes are not read. */
  hasPacked(digest: Digest, size: number): boolean {
    return this.#findPacked(digest)?.object.length === size;
  }

  /** True when a copy of the right size is there, packed or not; its bytes are not read. */
  has(digest: Digest, size: number): boolean {
    const packed = this.#findPacked(digest);
    if (packed !== undefined) return packed.object.length === size;
    const stat = fs.lstatSync(this.#layout.object(digest), {throwIfNoEntry: false});
    return stat?.isFile() === true && stat.size === size;
  }

  #findPacked(digest: Digest): Extract<Place, {kind: 'packed'}> | undefined {
    if (this.#table === undefined && this.#searched < searches) {
      this.#searched += 1;
      return this.#search(Buffer.from(digest, 'hex'));
    }
    this.#table ??= new PlaceTable(this.packs, (pack, object) => this.#isThere(pack, object));
    return this.#table.find(digest);
  }

  #search(digest: Buffer): Extract<Place, {kind: 'packed'}> | undefined {
    for (const pack of this.packs) {
      for (const object of pack.objects.search(digest)) if (this.#isThere(pack, object)) return {kind: 'packed', pack, object};
    }
    return undefined;
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

/** Every packed object of a store by its digest. */
class PlaceTable {
  readonly #packs: readonly Pack[];
  readonly #digests = new DigestTable();
  /** For each digest: the number of its pack, and of its record there. */
  readonly #places: Int32Array;

  constructor(packs: readonly Pack[], isThere: (pack: Pack, object: PackedObject) => boolean) {
    this.#packs = packs;
    this.#places = new Int32Array(2 * packs.reduce((sum, {objects}) => sum + objects.count, 0));
    for (const [number, pack] of packs.entries()) {
      for (let record = 0; record < pack.objects.count; record += 1) {
        if (isThere(pack, pack.objects.at(record))) this.#enter(number, pack.objects, record);
      }
    }
  }

  #enter(pack: number, objects: PackIndex, record: number): void {
    const before = this.#digests.count;
    const number = this.#digests.addBytes(objects.bytes, objects.digestAt(record));
    // The first copy counts, as it does in a search.
    if (number < before) return;
    this.#places[number * 2] = pack;
    this.#places[number * 2 + 1] = record;
  }

  find(digest: Digest): Extract<Place, {kind: 'packed'}> | undefined {
    const number = this.#digests.find(digest);
    const pack = number === undefined ? undefined : this.#packs[this.#places[number * 2] ?? 0];
    return number === undefined || pack === undefined
      ? undefined
      : {kind: 'packed', pack, object: pack.objects.at(this.#places[number * 2 + 1] ?? 0)};
  }
}

function readIndex(layout: StoreLayout, name: string): PackIndex | undefined {
  const file = path.join(layout.folder('packs'), name);
  try {
    return new PackIndex(fs.readFileSync(file), file);
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

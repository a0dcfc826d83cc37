import {createHash} from 'node:crypto';
import {DroverError} from '../errors/drover-error.js';
import type {Digest} from './manifest.js';

/** Where one object lies in its pack. */
export interface PackedObject {
  readonly digest: Digest;
  readonly offset: number;
  readonly length: number;
}

const magic = Buffer.from('drover-index 1\n');
/** 32 bytes of digest, 6 of offset, 6 of length, big-endian. */
const recordBytes = 44;
const sumBytes = 32;
const firstRecords = 1024;

function sum(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}

/** The index of a pack while it is written: header, records in the order of the pack, SHA-256 of all before. */
export class PackIndexWriter {
  #bytes = Buffer.allocUnsafeSlow(magic.length + firstRecords * recordBytes + sumBytes);
  #end = magic.copy(this.#bytes);

  get count(): number {
    return (this.#end - magic.length) / recordBytes;
  }

  add(digest: Digest, offset: number, length: number): void {
    if (this.#bytes.length - this.#end < recordBytes + sumBytes) {
      const larger = Buffer.allocUnsafeSlow(this.#bytes.length * 2);
      this.#bytes.copy(larger, 0, 0, this.#end);
      this.#bytes = larger;
    }
    this.#bytes.write(digest, this.#end, 'hex');
    this.#bytes.writeUIntBE(offset, this.#end + 32, 6);
    this.#bytes.writeUIntBE(length, this.#end + 38, 6);
    this.#end += recordBytes;
  }

  /** The whole index; nothing can be added after. */
  finish(): Buffer {
    const total = this.#end + sum(this.#bytes.subarray(0, this.#end)).copy(this.#bytes, this.#end);
    return this.#bytes.subarray(0, total);
  }
}

/** The index of a pack, all at once. */
export function encodePackIndex(objects: readonly PackedObject[]): Buffer {
  const writer = new PackIndexWriter();
  for (const {digest, offset, length} of objects) writer.add(digest, offset, length);
  return writer.finish();
}

/** The name of a pack: what it holds, and in which order. */
export function namePack(index: Uint8Array): string {
  return createHash('sha256').update(index).digest('hex');
}

/** The index of a pack as it was read: a record becomes an object when somebody asks for it. */
export class PackIndex {
  readonly count: number;
  readonly #bytes: Buffer;

  /** Throws `integrity` when the index is not what was written. */
  constructor(bytes: Buffer, file: string) {
    const end = bytes.length - sumBytes;
    const whole = end >= magic.length && (end - magic.length) % recordBytes === 0;
    if (!whole || !bytes.subarray(0, magic.length).equals(magic) || !sum(bytes.subarray(0, end)).equals(bytes.subarray(end))) {
      throw new DroverError({
        code: 'integrity',
        message: 'the index of a pack is damaged',
        file,
        fix: 'delete the file, then take the snapshots again',
      });
    }
    this.#bytes = bytes;
    this.count = (end - magic.length) / recordBytes;
  }

  /** The 32 bytes of digests lie here, one each record. */
  get bytes(): Buffer {
    return this.#bytes;
  }

  /** Where the digest of a record lies in `bytes`. */
  digestAt(number: number): number {
    return magic.length + number * recordBytes;
  }

  at(number: number): PackedObject {
    const at = this.digestAt(number);
    return {
      digest: this.#bytes.toString('hex', at, at + 32) as Digest,
      offset: this.#bytes.readUIntBE(at + 32, 6),
      length: this.#bytes.readUIntBE(at + 38, 6),
    };
  }

  /** The records of a digest, given as 32 bytes, without a table of all of them. */
  *search(digest: Buffer): Generator<PackedObject, void> {
    for (let at = magic.length; ; at += 1) {
      at = this.#bytes.indexOf(digest, at);
      const number = (at - magic.length) / recordBytes;
      if (at < 0 || number >= this.count) return;
      if (Number.isInteger(number)) yield this.at(number);
    }
  }

  *[Symbol.iterator](): Generator<PackedObject, void> {
    for (let number = 0; number < this.count; number += 1) yield this.at(number);
  }
}

/** Throws `integrity` when the index is not what was written. */
export function decodePackIndex(bytes: Buffer, file: string): readonly PackedObject[] {
  return [...new PackIndex(bytes, file)];
}

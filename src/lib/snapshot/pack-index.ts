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

function sum(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}

/** The index of a pack: header, records in the order of the pack, SHA-256 of all before. */
export function encodePackIndex(objects: readonly PackedObject[]): Buffer {
  const bytes = Buffer.allocUnsafe(magic.length + objects.length * recordBytes);
  magic.copy(bytes);
  for (const [index, {digest, offset, length}] of objects.entries()) {
    const at = magic.length + index * recordBytes;
    bytes.write(digest, at, 'hex');
    bytes.writeUIntBE(offset, at + 32, 6);
    bytes.writeUIntBE(length, at + 38, 6);
  }
  return Buffer.concat([bytes, sum(bytes)]);
}

/** The name of a pack: what it holds, and in which order. */
export function namePack(index: Uint8Array): string {
  return createHash('sha256').update(index).digest('hex');
}

/** Throws `integrity` when the index is not what was written. */
export function decodePackIndex(bytes: Buffer, file: string): readonly PackedObject[] {
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
  const objects: PackedObject[] = [];
  for (let at = magic.length; at < end; at += recordBytes) {
    objects.push({
      digest: bytes.toString('hex', at, at + 32) as Digest,
      offset: bytes.readUIntBE(at + 32, 6),
      length: bytes.readUIntBE(at + 38, 6),
    });
  }
  return objects;
}

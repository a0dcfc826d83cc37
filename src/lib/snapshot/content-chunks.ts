import {createHash, hash} from 'node:crypto';
import fs from 'node:fs';
import type {Digest} from './manifest.js';

/** A run of bytes whose borders depend on what is in it alone, so that an insertion moves the borders near it and no others. */
export interface Chunk {
  readonly offset: number;
  readonly length: number;
  /** Of its bytes. */
  readonly key: string;
}

/** One number for each byte, the same in every drover. */
const gear = Int32Array.from({length: 256}, (_, byte) => createHash('sha256').update(Buffer.of(byte)).digest().readInt32LE(0));

const readBytes = 4 * 1024 * 1024;

/** Chunks of 8 KiB in the mean, and larger ones of files above 256 MiB, so that their number stays below some 50,000. */
export function chooseChunkBits(fileBytes: number): number {
  return Math.min(20, Math.max(13, Math.ceil(Math.log2(fileBytes / 32_768))));
}

/**
 * Cuts a file in one pass (FastCDC's rolling hash); memory does not grow with the file. Gives the chunks in order and the SHA-256 of all.
 */
export async function* cutFile(file: string, bits: number, signal: AbortSignal): AsyncGenerator<Chunk, Digest> {
  const mask = ~((1 << (32 - bits)) - 1);
  const [least, most] = [2 ** (bits - 2), 2 ** (bits + 2)];
  const whole = createHash('sha256');
  let held: Buffer = Buffer.alloc(0);
  let offset = 0;
  for await (const piece of fs.createReadStream(file, {highWaterMark: readBytes}) as AsyncIterable<Buffer>) {
    signal.throwIfAborted();
    whole.update(piece);
    held = held.length === 0 ? piece : Buffer.concat([held, piece]);
    let start = 0;
    for (;;) {
      const end = findBorder(held, start, {mask, least, most});
      if (end === undefined) break;
      yield {offset: offset + start, length: end - start, key: hash('sha256', held.subarray(start, end), 'base64')};
      start = end;
    }
    offset += start;
    held = held.subarray(start);
  }
  if (held.length > 0) yield {offset, length: held.length, key: hash('sha256', held, 'base64')};
  return whole.digest('hex') as Digest;
}

/** Where the chunk that begins at `start` ends; undefined when that takes more bytes. */
function findBorder(bytes: Buffer, start: number, {mask, least, most}: {mask: number; least: number; most: number}): number | undefined {
  const end = Math.min(bytes.length, start + most);
  let sum = 0;
  for (let at = start + least; at < end; at += 1) {
    sum = ((sum << 1) + (gear[bytes[at] ?? 0] ?? 0)) | 0;
    if ((sum & mask) === 0) return at + 1;
  }
  return bytes.length - start >= most ? end : undefined;
}

import fs from 'node:fs';
import {Readable} from 'node:stream';
import {unpackTar} from '../../src/lib/snapshot/unpack-tar.js';
import {never} from './fixture.js';

export const limits = {maxEntries: 1000, maxBytes: 1024 * 1024};

/** A stream of pieces of this size. */
export function chunked(bytes: Buffer, size: number): Readable {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
  return Readable.from(pieces, {objectMode: false});
}

/** Unpacks into `work/tree`, by narrow limits. */
export function unpack(folder: string, bytes: Buffer, more: {chunk?: number; below?: string} = {}): Promise<readonly string[]> {
  const {chunk = 700, ...rest} = more;
  fs.mkdirSync(`${folder}/work/tree`, {recursive: true});
  return unpackTar({stream: chunked(bytes, chunk), into: `${folder}/work/tree`, name: 'x.tar', limits, signal: never, ...rest});
}

export const file = {name: 'f', text: 'hello'};
export const long = 'd/'.repeat(80);

/** A number as a header of tar holds it. */
export function octal(value: number): string {
  return `${value.toString(8).padStart(11, '0')}\0`;
}

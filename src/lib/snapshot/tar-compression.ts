import type {Readable} from 'node:stream';
import {createGunzip} from 'node:zlib';
import {refuseTar} from './tar-problem.js';

const foreign: readonly (readonly [head: readonly number[], what: string, fix: string])[] = [
  [[0x28, 0xb5, 0x2f, 0xfd], 'zstd', 'zstd -dc'],
  [[0xfd, 0x37, 0x7a, 0x58, 0x5a], 'xz', 'xz -dc'],
  [[0x42, 0x5a, 0x68], 'bzip2', 'bzip2 -dc'],
  [[0x50, 0x4b, 0x03, 0x04], 'zip', 'unzip it and name the folder'],
];

const startsWith = (bytes: Buffer, head: readonly number[]): boolean => head.every((byte, index) => bytes[index] === byte);

/** The plain bytes of a stream, gunzipped where it is gzip; other packings are refused by name. */
export async function* openCompressed(stream: Readable, name: string): AsyncGenerator<Buffer> {
  const chunks = stream.iterator({destroyOnReturn: true}) as NodeJS.AsyncIterator<Buffer>;
  let head = Buffer.alloc(0);
  while (head.length < 6) {
    const next = await chunks.next();
    if (next.done === true) break;
    head = Buffer.concat([head, next.value]);
  }
  if (head.length === 0) throw refuseTar(name, 'is empty', 'check what writes it');
  for (const [magic, what, fix] of foreign) {
    if (startsWith(head, magic)) throw refuseTar(name, `is packed with ${what}`, what === 'zip' ? fix : `unpack it on the way: ${fix}`);
  }
  async function* whole(): AsyncGenerator<Buffer> {
    yield head;
    yield* {[Symbol.asyncIterator]: () => chunks};
  }
  if (!startsWith(head, [0x1f, 0x8b])) yield* whole();
  else yield* gunzip(whole(), name);
}

async function* gunzip(chunks: AsyncIterable<Buffer>, name: string): AsyncGenerator<Buffer> {
  const unpacker = createGunzip();
  const feeding = (async () => {
    for await (const chunk of chunks) {
      if (unpacker.destroyed) return;
      if (!unpacker.write(chunk)) await new Promise<void>((resolve) => void unpacker.once('drain', resolve).once('close', resolve));
    }
    unpacker.end();
  })().catch((error: unknown) => void unpacker.destroy(error instanceof Error ? error : new Error(String(error))));
  try {
    for await (const piece of unpacker) yield piece as Buffer;
  } catch (error) {
    if (error instanceof Error && 'code' in error && String(error.code).startsWith('Z_'))
      throw refuseTar(name, `is damaged: ${error.message}`);
    throw error;
  } finally {
    unpacker.destroy();
    await feeding;
  }
}

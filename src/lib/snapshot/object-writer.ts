import {createHash, hash} from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import {DigestTable} from './digest-table.js';
import {nameTemporary, publish, syncDirectory, writeDurably} from './durable-file.js';
import type {Digest} from './manifest.js';
import {namePack, PackIndex, PackIndexWriter} from './pack-index.js';
import {forgetQuarantined, nameQuarantined} from './quarantine.js';
import type {StoreLayout} from './store-layout.js';
import {type FileStamp, isSameStamp} from './walked-tree.js';

/** Files from this size on are objects of their own; smaller ones share a pack. */
export const largeFileBytes = 8 * 1024 * 1024;
const bufferBytes = 2 * largeFileBytes;
const chunkBytes = 1024 * 1024;
const headBytes = 64 * 1024;
const readFlags = fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK;

const ignoreBytes = (): void => undefined;

/**
 * Brings the bytes of files into a store. Nothing is visible before `finish`, except large objects, which are complete
 * when they appear. Whoever makes one calls `finish` or `abort`.
 */
export class ObjectWriter {
  newFiles = 0;
  newBytes = 0;
  readonly #layout: StoreLayout;
  readonly #isKept: (digest: Digest, size: number) => boolean;
  readonly #buffer = Buffer.allocUnsafeSlow(bufferBytes);
  readonly #packed = new PackIndexWriter();
  readonly #known = new DigestTable();
  #filled = 0;
  #flushed = 0;
  #pack: {readonly file: string; readonly descriptor: number} | undefined;

  /** What `isKept` says is in the store already is not written again. */
  constructor(layout: StoreLayout, isKept: (digest: Digest, size: number) => boolean) {
    this.#layout = layout;
    this.#isKept = isKept;
  }

  /** Reads a small file; undefined when it is not, or no longer, what `stamp` says: nothing was kept then, and `look` saw nothing. */
  takeSmall(file: string, stamp: FileStamp, look: (bytes: Buffer) => void = ignoreBytes): Digest | undefined {
    if (bufferBytes - this.#filled < stamp.size + 1) this.#flush();
    const start = this.#filled;
    const descriptor = fs.openSync(file, readFlags);
    let length = 0;
    try {
      while (length <= stamp.size) {
        const piece = fs.readSync(descriptor, this.#buffer, start + length, stamp.size + 1 - length, null);
        length += piece;
        if (piece === 0 || length === stamp.size) break;
      }
      if (length !== stamp.size || !isSameStamp(fs.fstatSync(descriptor), stamp)) return undefined;
    } catch (error) {
      throw blame(file, error);
    } finally {
      fs.closeSync(descriptor);
    }
    const bytes = this.#buffer.subarray(start, start + length);
    const digest = hash('sha256', bytes, 'hex') as Digest;
    look(bytes);
    if (this.#isNew(digest, length)) this.#keep(digest, length);
    return digest;
  }

  /** Takes bytes that were verified already. */
  take(digest: Digest, bytes: Buffer): void {
    if (!this.#isNew(digest, bytes.length)) return;
    if (bufferBytes - this.#filled < bytes.length) this.#flush();
    bytes.copy(this.#buffer, this.#filled);
    this.#keep(digest, bytes.length);
  }

  /** As `takeSmall`, in pieces; reading, hashing and writing overlap. `look` sees the first 64 KiB. */
  async takeLarge(
    file: string,
    stamp: FileStamp,
    signal: AbortSignal,
    look: (bytes: Buffer) => void = ignoreBytes,
  ): Promise<Digest | undefined> {
    const temporary = nameTemporary(this.#layout.folder('objects'));
    const source = await fs.promises.open(file, readFlags);
    try {
      const target = await fs.promises.open(temporary, 'wx', 0o444);
      let digest: Digest | undefined;
      try {
        digest = await copyHashed({source, file, target}, stamp.size, signal);
        const {buffer: head} = await source.read(Buffer.alloc(headBytes), 0, headBytes, 0);
        if (digest === undefined || !isSameStamp(await source.stat(), stamp)) return undefined;
        look(head);
        if (!this.#isNew(digest, stamp.size)) return digest;
        await target.sync();
      } finally {
        await target.close();
      }
      const folder = path.dirname(this.#layout.object(digest));
      if (fs.mkdirSync(folder, {recursive: true}) !== undefined) syncDirectory(path.dirname(folder));
      publish(temporary, this.#layout.object(digest));
      forgetQuarantined(this.#layout, [nameQuarantined(digest, undefined)]);
      this.#count(digest, stamp.size);
      return digest;
    } finally {
      await source.close();
      fs.rmSync(temporary, {force: true});
    }
  }

  /** Makes the small files durable and visible: first the pack, then the index that names it. The pack's id, if there is one. */
  finish(): string | undefined {
    if (this.#packed.count === 0) return undefined;
    this.#flush();
    const index = this.#packed.finish();
    const id = namePack(index);
    const name = path.join(this.#layout.folder('packs'), id);
    if (this.#pack !== undefined) {
      fs.fsyncSync(this.#pack.descriptor);
      // A damaged pack of the same name may have become anything.
      if (fs.lstatSync(`${name}.pack`, {throwIfNoEntry: false})?.isDirectory() === true) fs.rmSync(`${name}.pack`, {recursive: true});
      publish(this.#pack.file, `${name}.pack`);
      this.abort();
    }
    writeDurably(`${name}.idx`, index);
    forgetQuarantined(this.#layout, nameCopies(id, new PackIndex(index, `${name}.idx`)));
    return id;
  }

  /** Leaves nothing behind but what was finished. */
  abort(): void {
    if (this.#pack === undefined) return;
    fs.closeSync(this.#pack.descriptor);
    fs.rmSync(this.#pack.file, {force: true});
    this.#pack = undefined;
  }

  #isNew(digest: Digest, size: number): boolean {
    return this.#known.find(digest) === undefined && !this.#isKept(digest, size);
  }

  #count(digest: Digest, size: number): void {
    this.#known.add(digest);
    this.newFiles += 1;
    this.newBytes += size;
  }

  #keep(digest: Digest, length: number): void {
    this.#packed.add(digest, this.#flushed + this.#filled, length);
    this.#filled += length;
    this.#count(digest, length);
  }

  #flush(): void {
    if (this.#pack === undefined) {
      const file = nameTemporary(this.#layout.folder('packs'));
      this.#pack = {file, descriptor: fs.openSync(file, 'wx', 0o444)};
    }
    for (let written = 0; written < this.#filled; ) {
      written += fs.writeSync(this.#pack.descriptor, this.#buffer, written, this.#filled - written, null);
    }
    this.#flushed += this.#filled;
    this.#filled = 0;
  }
}

/** The names that the copies in a pack would have in quarantine, and their objects when they had been lost. */
function* nameCopies(id: string, index: PackIndex): Generator<string, void> {
  yield `${id}.idx`;
  for (const {digest} of index) {
    yield nameQuarantined(digest, id);
    yield nameQuarantined(digest, undefined);
  }
}

/** A failed read does not tell of which file: whoever reports it must know that it was the source and not the store. */
function blame(file: string, error: unknown): unknown {
  return error instanceof Error ? Object.assign(error, {path: file}) : error;
}

const zeros = Buffer.alloc(chunkBytes);

/** Copies exactly `size` bytes; undefined when the source has fewer or more. Where there is nothing but zeros the copy gets a hole. */
async function copyHashed(
  {source, file, target}: {readonly source: fs.promises.FileHandle; readonly file: string; readonly target: fs.promises.FileHandle},
  size: number,
  signal: AbortSignal,
): Promise<Digest | undefined> {
  const read = (buffer: Buffer) =>
    source.read(buffer, 0, chunkBytes, null).catch((error: unknown) => {
      throw blame(file, error);
    });
  const digest = createHash('sha256');
  let [front, back] = [Buffer.allocUnsafeSlow(chunkBytes), Buffer.allocUnsafeSlow(chunkBytes)];
  let total = 0;
  let {bytesRead} = await read(front);
  while (bytesRead > 0) {
    signal.throwIfAborted();
    const at = total;
    total += bytesRead;
    if (total > size) return undefined;
    const piece = front.subarray(0, bytesRead);
    const isHole = piece.equals(zeros.subarray(0, bytesRead));
    const work = Promise.all([read(back), isHole ? undefined : writeAt(target, piece, at)]);
    digest.update(piece);
    [{bytesRead}] = await work;
    [front, back] = [back, front];
  }
  if (total !== size) return undefined;
  await target.truncate(size);
  return digest.digest('hex') as Digest;
}

async function writeAt(target: fs.promises.FileHandle, piece: Buffer, at: number): Promise<void> {
  for (let written = 0; written < piece.length; ) {
    written += (await target.write(piece, written, piece.length - written, at + written)).bytesWritten;
  }
}

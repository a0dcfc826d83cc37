import {createHash, hash} from 'node:crypto';
import fs from 'node:fs';
import {endianness} from 'node:os';
import path from 'node:path';
import {nameTemporary, readIfThere} from './durable-file.js';
import type {FileDigests} from './file-digests.js';
import type {Digest, SnapshotId} from './manifest.js';
import {compareBytewise} from './manifest-text.js';
import type {WalkedFile} from './walked-tree.js';

/** A file that was written to this shortly before it was read may have been written to again without a change of its times. */
const racyMs = 2000;
const version = `drover-stat-index 2 ${endianness()}`;
const sumBytes = 32;

interface Header {
  readonly version: string;
  readonly count: number;
  readonly snapshot: SnapshotId;
  readonly startedMs: number;
}

/** What a source looked like when it was last saved: an unchanged file need not be read again. A cache: losing it costs time only. */
export class StatIndex {
  /** The snapshot that holds every file named here. */
  readonly snapshot: SnapshotId;
  /** One a line. */
  readonly #paths: Buffer;
  readonly #count: number;
  readonly #stamps: Float64Array;
  readonly #digests: Buffer;
  readonly #trustedBeforeMs: number;
  #next = 0;
  #at = 0;
  /** The path at `#next`. */
  #known: string | undefined;

  private constructor(header: Header, stamps: Float64Array, digests: Buffer, paths: Buffer) {
    this.snapshot = header.snapshot;
    this.#trustedBeforeMs = header.startedMs - racyMs;
    this.#stamps = stamps;
    this.#digests = digests;
    this.#paths = paths;
    this.#count = header.count;
  }

  /** Undefined when there is none, or it is damaged. */
  static load(file: string): StatIndex | undefined {
    const bytes = readIfThere(file);
    if (bytes === undefined || bytes.length < sumBytes) return undefined;
    const end = bytes.length - sumBytes;
    if (hash('sha256', bytes.subarray(0, end), 'hex') !== bytes.toString('hex', end)) return undefined;
    const headerEnd = bytes.indexOf(10);
    const header = JSON.parse(bytes.toString('utf8', 0, headerEnd)) as Header;
    if (header.version !== version) return undefined;
    const digestsStart = headerEnd + 1 + header.count * 32;
    const pathsStart = digestsStart + header.count * 32;
    const stamps = new Float64Array(new Uint8Array(bytes.subarray(headerEnd + 1, digestsStart)).buffer);
    return new StatIndex(header, stamps, bytes.subarray(digestsStart, pathsStart), bytes.subarray(pathsStart, end));
  }

  /** The digest of a file that has not changed. Must be asked in canonical order. */
  match(file: WalkedFile): Digest | undefined {
    while (this.#next < this.#count) {
      this.#known ??= this.#readPath();
      const order = this.#known === file.path ? 0 : compareBytewise(this.#known, file.path);
      if (order > 0) return undefined;
      this.#known = undefined;
      this.#next += 1;
      if (order === 0) return this.#matchAt(this.#next - 1, file);
    }
    return undefined;
  }

  #readPath(): string {
    const start = this.#at;
    const end = this.#paths.indexOf(10, start);
    this.#at = end + 1;
    return this.#paths.toString('utf8', start, end);
  }

  #matchAt(index: number, {size, mtimeMs, ctimeMs, ino}: WalkedFile): Digest | undefined {
    const stamps = this.#stamps;
    const at = index * 4;
    const same = stamps[at] === size && stamps[at + 1] === mtimeMs && stamps[at + 2] === ctimeMs && stamps[at + 3] === ino;
    if (!same || mtimeMs >= this.#trustedBeforeMs || ctimeMs >= this.#trustedBeforeMs) return undefined;
    return this.#digests.toString('hex', index * 32, index * 32 + 32) as Digest;
  }
}

const linesAtOnce = 4096;

/** `startedMs` is when the first of the files was looked at. */
export function writeStatIndex(target: string, read: FileDigests, snapshot: SnapshotId, startedMs: number): void {
  const temporary = nameTemporary(path.dirname(target));
  try {
    const descriptor = fs.openSync(temporary, 'wx');
    const sum = createHash('sha256');
    try {
      for (const piece of renderPieces(read, snapshot, startedMs)) {
        sum.update(piece);
        fs.writeFileSync(descriptor, piece);
      }
      fs.writeFileSync(descriptor, sum.digest());
    } finally {
      fs.closeSync(descriptor);
    }
    fs.renameSync(temporary, target);
  } finally {
    fs.rmSync(temporary, {force: true});
  }
}

function* renderPieces({files, digests}: FileDigests, snapshot: SnapshotId, startedMs: number): Generator<Uint8Array, void> {
  const header: Header = {version, count: files.length, snapshot, startedMs};
  yield Buffer.from(`${JSON.stringify(header)}\n`);
  for (let at = 0; at < files.length; at += linesAtOnce) {
    const stamps = files.slice(at, at + linesAtOnce).flatMap(({size, mtimeMs, ctimeMs, ino}) => [size, mtimeMs, ctimeMs, ino]);
    yield new Uint8Array(new Float64Array(stamps).buffer);
  }
  yield digests;
  for (let at = 0; at < files.length; at += linesAtOnce) {
    const lines = files.slice(at, at + linesAtOnce).map(({path: name}) => `${name}\n`);
    yield Buffer.from(lines.join(''));
  }
}

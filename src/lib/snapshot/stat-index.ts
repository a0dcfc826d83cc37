import {createHash, hash} from 'node:crypto';
import fs from 'node:fs';
import {endianness} from 'node:os';
import path from 'node:path';
import {nameTemporary, readIfThere} from './durable-file.js';
import type {Digest, SnapshotId} from './manifest.js';
import {compareBytewise} from './manifest-text.js';
import type {WalkedFile} from './walked-tree.js';

/** A file as it was when it was read, and what its bytes hash to. */
export interface ReadFile {
  readonly file: WalkedFile;
  readonly digest: Digest;
}

/** A file that was written to this shortly before it was read may have been written to again without a change of its times. */
const racyMs = 2000;
const version = `drover-stat-index 1 ${endianness()}`;
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
  readonly #paths: readonly string[];
  readonly #stamps: Float64Array;
  readonly #digests: Buffer;
  readonly #trustedBeforeMs: number;
  #next = 0;

  private constructor(header: Header, stamps: Float64Array, digests: Buffer, paths: readonly string[]) {
    this.snapshot = header.snapshot;
    this.#trustedBeforeMs = header.startedMs - racyMs;
    this.#stamps = stamps;
    this.#digests = digests;
    this.#paths = paths;
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
    const paths = bytes.toString('utf8', pathsStart, end).split('\n');
    return new StatIndex(header, stamps, bytes.subarray(digestsStart, pathsStart), header.count === 0 ? [] : paths);
  }

  /** The digest of a file that has not changed. Must be asked in canonical order. */
  match(file: WalkedFile): Digest | undefined {
    while (this.#next < this.#paths.length) {
      const known = this.#paths[this.#next] ?? '';
      const order = known === file.path ? 0 : compareBytewise(known, file.path);
      if (order > 0) return undefined;
      this.#next += 1;
      if (order === 0) return this.#matchAt(this.#next - 1, file);
    }
    return undefined;
  }

  #matchAt(index: number, {size, mtimeMs, ctimeMs, ino}: WalkedFile): Digest | undefined {
    const stamps = this.#stamps;
    const at = index * 4;
    const same = stamps[at] === size && stamps[at + 1] === mtimeMs && stamps[at + 2] === ctimeMs && stamps[at + 3] === ino;
    if (!same || mtimeMs >= this.#trustedBeforeMs || ctimeMs >= this.#trustedBeforeMs) return undefined;
    return this.#digests.toString('hex', index * 32, index * 32 + 32) as Digest;
  }
}

/** `files` in canonical order; `startedMs` is when the first of them was looked at. */
export function writeStatIndex(target: string, files: readonly ReadFile[], snapshot: SnapshotId, startedMs: number): void {
  const header: Header = {version, count: files.length, snapshot, startedMs};
  const stamps = new Float64Array(files.length * 4);
  const digests = Buffer.allocUnsafe(files.length * 32);
  for (const [index, {file, digest}] of files.entries()) {
    stamps[index * 4] = file.size;
    stamps[index * 4 + 1] = file.mtimeMs;
    stamps[index * 4 + 2] = file.ctimeMs;
    stamps[index * 4 + 3] = file.ino;
    digests.write(digest, index * 32, 'hex');
  }
  const pieces = [
    Buffer.from(`${JSON.stringify(header)}\n`),
    Buffer.from(stamps.buffer),
    digests,
    Buffer.from(files.map(({file}) => file.path).join('\n')),
  ];
  const sum = createHash('sha256');
  for (const piece of pieces) sum.update(piece);
  const temporary = nameTemporary(path.dirname(target));
  try {
    const descriptor = fs.openSync(temporary, 'wx');
    try {
      for (const piece of [...pieces, sum.digest()]) fs.writeFileSync(descriptor, piece);
    } finally {
      fs.closeSync(descriptor);
    }
    fs.renameSync(temporary, target);
  } finally {
    fs.rmSync(temporary, {force: true});
  }
}

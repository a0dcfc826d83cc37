import {createHash, hash} from 'node:crypto';
import fs from 'node:fs';
import {endianness} from 'node:os';
import path from 'node:path';
import {nameTemporary, readIfThere} from './durable-file.js';
import type {FileDigests} from './file-digests.js';
import type {Digest, SnapshotId} from './manifest.js';
import {compareBytewise} from './manifest-text.js';
import type {WalkedEntry, WalkedFile} from './walked-tree.js';

/** A file that was written to this shortly before it was read may have been written to again without a change of its times. */
const racyMs = 2000;
const version = `drover-stat-index 3 ${endianness()}`;
const sumBytes = 32;

interface Header {
  readonly version: string;
  readonly entries: number;
  readonly files: number;
  readonly snapshot: SnapshotId;
  readonly startedMs: number;
}

/**
 * What a source looked like when it was last saved: an unchanged file need not be read again, and an unchanged tree is the snapshot that it was.
 * A cache: losing it costs time only.
 */
export class StatIndex {
  /** The snapshot of this very tree. */
  readonly snapshot: SnapshotId;
  /** One entry a line: see `describeShape`. */
  readonly #lines: Buffer;
  readonly #entries: number;
  readonly #stamps: Float64Array;
  readonly #digests: Buffer;
  readonly #trustedBeforeMs: number;
  #next = 0;
  #at = 0;
  /** The path of the file at `#next`. */
  #known: string | undefined;

  private constructor(header: Header, stamps: Float64Array, digests: Buffer, lines: Buffer) {
    this.snapshot = header.snapshot;
    this.#entries = header.entries;
    this.#trustedBeforeMs = header.startedMs - racyMs;
    this.#stamps = stamps;
    this.#digests = digests;
    this.#lines = lines;
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
    const digestsStart = headerEnd + 1 + header.files * 32;
    const linesStart = digestsStart + header.files * 32;
    const stamps = new Float64Array(new Uint8Array(bytes.subarray(headerEnd + 1, digestsStart)).buffer);
    return new StatIndex(header, stamps, bytes.subarray(digestsStart, linesStart), bytes.subarray(linesStart, end));
  }

  /** The digests of all files when nothing of the tree has changed, one after another; undefined when anything may have. */
  matchAll(entries: readonly WalkedEntry[]): Buffer | undefined {
    if (entries.length !== this.#entries || !this.#hasStamps(entries)) return undefined;
    let at = 0;
    for (const piece of renderShapes(entries)) {
      const end = at + piece.length;
      if (!piece.equals(this.#lines.subarray(at, end))) return undefined;
      at = end;
    }
    return at === this.#lines.length ? this.#digests : undefined;
  }

  #hasStamps(entries: readonly WalkedEntry[]): boolean {
    let file = 0;
    for (const entry of entries) {
      if (entry.kind !== 'file') continue;
      if (!this.#hasStamp(file, entry)) return false;
      file += 1;
    }
    return file * 4 === this.#stamps.length;
  }

  /** The digest of a file that has not changed. Must be asked in canonical order. */
  match(file: WalkedFile): Digest | undefined {
    while (this.#next * 4 < this.#stamps.length) {
      this.#known ??= this.#readFilePath();
      const order = this.#known === file.path ? 0 : compareBytewise(this.#known, file.path);
      if (order > 0) return undefined;
      this.#known = undefined;
      this.#next += 1;
      if (order === 0) {
        const index = this.#next - 1;
        return this.#hasStamp(index, file) ? (this.#digests.toString('hex', index * 32, index * 32 + 32) as Digest) : undefined;
      }
    }
    return undefined;
  }

  #readFilePath(): string {
    for (;;) {
      const start = this.#at;
      const middle = this.#lines.indexOf(9, start);
      this.#at = this.#lines.indexOf(10, middle) + 1;
      if (this.#lines[middle + 1] === fileMark) return this.#lines.toString('utf8', start, middle);
    }
  }

  #hasStamp(index: number, {size, mtimeMs, ctimeMs, ino}: WalkedFile): boolean {
    const stamps = this.#stamps;
    const at = index * 4;
    const same = stamps[at] === size && stamps[at + 1] === mtimeMs && stamps[at + 2] === ctimeMs && stamps[at + 3] === ino;
    return same && mtimeMs < this.#trustedBeforeMs && ctimeMs < this.#trustedBeforeMs;
  }
}

const fileMark = 'f'.charCodeAt(0);

/** All of an entry that is in the manifest but a file's size and bytes. Neither paths nor targets of links hold tabs or line breaks. */
function describeShape(entry: WalkedEntry): string {
  if (entry.kind === 'link') return `${entry.path}\tl${entry.target}\n`;
  return `${entry.path}\t${entry.kind === 'file' ? 'f' : 'd'}${entry.mode}\n`;
}

const linesAtOnce = 4096;

function* renderShapes(entries: readonly WalkedEntry[]): Generator<Buffer, void> {
  for (let at = 0; at < entries.length; at += linesAtOnce) {
    let text = '';
    for (const entry of entries.slice(at, at + linesAtOnce)) text += describeShape(entry);
    yield Buffer.from(text);
  }
}

/** Of a tree that was read just now: `startedMs` is when the first of its files was looked at. */
export interface SavedTree {
  readonly entries: readonly WalkedEntry[];
  readonly read: FileDigests;
  readonly snapshot: SnapshotId;
  readonly startedMs: number;
}

export function writeStatIndex(target: string, saved: SavedTree): void {
  const temporary = nameTemporary(path.dirname(target));
  try {
    const descriptor = fs.openSync(temporary, 'wx');
    const sum = createHash('sha256');
    try {
      for (const piece of renderPieces(saved)) {
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

function* renderPieces({entries, read, snapshot, startedMs}: SavedTree): Generator<Uint8Array, void> {
  const {files, digests} = read;
  const header: Header = {version, entries: entries.length, files: files.length, snapshot, startedMs};
  yield Buffer.from(`${JSON.stringify(header)}\n`);
  for (let at = 0; at < files.length; at += linesAtOnce) {
    const some = files.slice(at, at + linesAtOnce);
    const stamps = new Float64Array(some.length * 4);
    for (const [index, {size, mtimeMs, ctimeMs, ino}] of some.entries()) {
      stamps[index * 4] = size;
      stamps[index * 4 + 1] = mtimeMs;
      stamps[index * 4 + 2] = ctimeMs;
      stamps[index * 4 + 3] = ino;
    }
    yield new Uint8Array(stamps.buffer);
  }
  yield digests;
  yield* renderShapes(entries);
}

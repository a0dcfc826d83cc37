import fs from 'node:fs/promises';
import {findPieces, type Piece, type PlainFile} from './file-pieces.js';
import type {Entry, Manifest} from './manifest.js';
import {compareBytewise, manifestHeader, renderEntry} from './manifest-text.js';
import type {ObjectCatalog} from './object-catalog.js';
import {readObject, readSmallObject} from './object-reader.js';
import type {StoreLayout} from './store-layout.js';
import {makeTarHeader, padTar, tarEnd} from './tar-entry.js';
import {TwinFiles} from './twin-files.js';

/** What leads from one tree to another, as entries of their manifests. */
export interface DeltaContent {
  /** The first line of the manifest travels when there is no base to take it from. */
  readonly hasBase: boolean;
  /** Of the base, where the target does not have the same. */
  readonly gone: readonly Entry[];
  /** Of the target, where the base does not have the same. */
  readonly fresh: readonly Entry[];
}

/** Compares two trees line by line. */
export function compareTrees(base: Pick<Manifest, 'entries'> | undefined, target: Pick<Manifest, 'entries'>): DeltaContent {
  if (base === undefined) return {hasBase: false, gone: [], fresh: target.entries};
  const gone: Entry[] = [];
  const fresh: Entry[] = [];
  let at = 0;
  for (const entry of target.entries) {
    let old = base.entries[at];
    while (old !== undefined && compareBytewise(old.path, entry.path) < 0) {
      gone.push(old);
      at += 1;
      old = base.entries[at];
    }
    if (old?.path !== entry.path) {
      fresh.push(entry);
      continue;
    }
    at += 1;
    if (renderEntry(old) === renderEntry(entry)) continue;
    gone.push(old);
    fresh.push(entry);
  }
  return {hasBase: true, gone: [...gone, ...base.entries.slice(at)], fresh};
}

export interface ArchiveOptions {
  readonly layout: StoreLayout;
  readonly catalog: ObjectCatalog;
  readonly content: DeltaContent;
  readonly signal: AbortSignal;
}

const pieceBytes = 256 * 1024;

/** Parts that are given on together: an asynchronous step for each small file would cost more than the file. */
class PartBatch {
  #parts: Buffer[] = [];
  #heldBytes = 0;

  add(...parts: readonly Buffer[]): void {
    for (const part of parts) {
      this.#parts.push(part);
      this.#heldBytes += part.length;
    }
  }

  get isFull(): boolean {
    return this.#heldBytes >= pieceBytes;
  }

  take(): Buffer {
    const bytes = Buffer.concat(this.#parts);
    this.#parts = [];
    this.#heldBytes = 0;
    return bytes;
  }
}

/** The delta as a tar archive: `gone`, `new`, then `tree/…` with directories, files (of twins all but the first as hard links) and links. */
export async function* packDelta(options: ArchiveOptions): AsyncGenerator<Buffer> {
  const {layout, catalog, content, signal} = options;
  const {hasBase, gone, fresh} = content;
  const old = new Map(gone.map((entry) => [entry.path, entry]));
  const batch = new PartBatch();
  const twins = new TwinFiles();
  let rebuilt = 0;
  batch.add(packLines('gone', gone.map(renderEntry)));
  batch.add(packLines('new', [...(hasBase ? [] : [manifestHeader]), ...fresh.map(renderEntry)]));
  for (const entry of fresh) {
    if (entry.kind === 'directory') batch.add(makeTarHeader(`tree/${entry.path}`, {kind: 'directory', mode: 0o755}));
  }
  for (const entry of fresh) {
    if (batch.isFull) {
      signal.throwIfAborted();
      yield batch.take();
    }
    if (entry.kind !== 'file') continue;
    const {path, digest, size} = entry;
    const twin = size === 0 ? undefined : twins.find(entry);
    if (twin !== undefined) {
      batch.add(makeTarHeader(`tree/${path}`, {kind: 'twin', mode: entry.mode, target: `tree/${twin}`}));
      continue;
    }
    const bytes = size === 0 ? Buffer.alloc(0) : readSmallObject({layout, catalog, digest, size});
    if (bytes !== undefined) {
      twins.make(entry);
      batch.add(makeTarHeader(`tree/${path}`, entry), bytes, padTar(size));
      continue;
    }
    yield batch.take();
    const change = await findChange(options, old.get(path), entry);
    if (change === undefined) {
      twins.make(entry);
      yield makeTarHeader(`tree/${path}`, entry);
      yield* readObject({layout, catalog, digest, size});
      yield padTar(size);
    } else {
      rebuilt += 1;
      yield* packPieces(`pieces/${rebuilt}`, path, change);
    }
  }
  for (const entry of fresh) {
    if (entry.kind === 'link') batch.add(makeTarHeader(`tree/${entry.path}`, {...entry, mode: 0o777}));
  }
  batch.add(tarEnd);
  yield batch.take();
}

type FileEntry = Extract<Entry, {readonly kind: 'file'}>;

interface Change {
  readonly target: PlainFile;
  readonly pieces: readonly Piece[];
}

/** How a large file comes from what the base has under the same path; undefined where it travels whole. */
async function findChange({catalog, signal}: ArchiveOptions, old: Entry | undefined, entry: FileEntry): Promise<Change | undefined> {
  if (old?.kind !== 'file' || old.digest === entry.digest) return undefined;
  const [base, target] = [old, entry].map(({digest, size}): PlainFile | undefined => {
    const place = catalog.find(digest);
    return place?.kind === 'large' ? {file: place.file, digest, size} : undefined;
  });
  if (base === undefined || target === undefined) return undefined;
  const pieces = await findPieces(base, target, signal);
  return pieces === undefined ? undefined : {target, pieces};
}

/** `<name>.list`: the path, then `base <offset> <length>` or `bytes <offset> <length>` in order; `<name>.bytes`: what those offsets are in. */
async function* packPieces(name: string, path: string, {target, pieces}: Change): AsyncGenerator<Buffer> {
  let bytes = 0;
  const lines = pieces.map(({from, offset, length}) => {
    if (from === 'base') return `base ${offset} ${length}`;
    bytes += length;
    return `bytes ${bytes - length} ${length}`;
  });
  yield packLines(`${name}.list`, [path, ...lines]);
  yield makeTarHeader(`${name}.bytes`, {kind: 'file', mode: 0o644, size: bytes});
  const file = await fs.open(target.file);
  try {
    for (const {from, offset, length} of pieces) {
      if (from === 'base') continue;
      for await (const piece of file.createReadStream({start: offset, end: offset + length - 1, autoClose: false}) as AsyncIterable<Buffer>)
        yield piece;
    }
  } finally {
    await file.close();
  }
  yield padTar(bytes);
}

function packLines(name: string, lines: readonly string[]): Buffer {
  const text = Buffer.from(lines.map((line) => `${line}\n`).join(''));
  return Buffer.concat([makeTarHeader(name, {kind: 'file', mode: 0o644, size: text.length}), text, padTar(text.length)]);
}

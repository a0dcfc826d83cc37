import {createHash} from 'node:crypto';
import fs from 'node:fs';
import {nameTemporary, publish} from './durable-file.js';
import {readErrorCode} from './error-code.js';
import {FileDigests} from './file-digests.js';
import type {Entry, Manifest, SnapshotId} from './manifest.js';
import {compareBytewise, manifestHeader, renderEntry} from './manifest-text.js';
import type {StoreLayout} from './store-layout.js';
import type {WalkedTree} from './walked-tree.js';

const linesAtOnce = 4096;
const chunkBytes = 1024 * 1024;

/** Makes the manifest of a tree that was read durable and visible, unless it is there already and whole. Never in memory as a whole. */
export function writeManifest(layout: StoreLayout, tree: WalkedTree, read: FileDigests): Manifest {
  const temporary = nameTemporary(layout.folder('snapshots'));
  try {
    const id = writeText(temporary, tree, read, (written) => layout.snapshot(written));
    if (fs.existsSync(temporary)) publish(temporary, layout.snapshot(id));
    return describeSaved(id, tree, read);
  } finally {
    fs.rmSync(temporary, {force: true});
  }
}

/** Writes the text to a file of its own; removes that again when `nameOf` its id holds the same. */
function writeText(temporary: string, tree: WalkedTree, read: FileDigests, nameOf: (id: SnapshotId) => string): SnapshotId {
  const hash = createHash('sha256');
  const descriptor = fs.openSync(temporary, 'wx', 0o644);
  try {
    for (const piece of renderPieces(tree, read)) {
      hash.update(piece);
      for (let written = 0; written < piece.length; ) written += fs.writeSync(descriptor, piece, written, piece.length - written, null);
    }
    const id = hash.digest('hex') as SnapshotId;
    if (hashIfThere(nameOf(id)) === id) fs.rmSync(temporary);
    else fs.fsyncSync(descriptor);
    return id;
  } finally {
    fs.closeSync(descriptor);
  }
}

function* renderPieces(tree: WalkedTree, read: FileDigests): Generator<Buffer, void> {
  let lines = [manifestHeader];
  let before = '';
  for (const entry of listEntries(tree, read)) {
    if (compareBytewise(before, entry.path) >= 0) throw new Error(`"${entry.path}" is out of order`);
    before = entry.path;
    lines.push(renderEntry(entry));
    if (lines.length < linesAtOnce) continue;
    yield Buffer.from(`${lines.join('\n')}\n`);
    lines = [];
  }
  if (lines.length > 0) yield Buffer.from(`${lines.join('\n')}\n`);
}

/** What the tree lists, with what was read of each file. */
function* listEntries(tree: WalkedTree, read: FileDigests): Generator<Entry, void> {
  let next = 0;
  for (const walked of tree.entries) {
    if (walked.kind === 'file') {
      const file = read.files[next];
      if (file?.path !== walked.path) throw new Error(`"${walked.path}" was not read`);
      yield {kind: 'file', path: file.path, mode: file.mode, size: file.size, digest: read.digestAt(next)};
      next += 1;
    } else if (walked.kind === 'directory') {
      yield {kind: 'directory', path: walked.path, mode: walked.mode};
    } else {
      yield {kind: 'link', path: walked.path, target: walked.target};
    }
  }
}

/** The manifest of what was just saved; its entries are made when somebody asks for them. */
function describeSaved(id: SnapshotId, tree: WalkedTree, read: FileDigests): Manifest {
  let entries: readonly Entry[] | undefined;
  return {
    id,
    files: read.files.length,
    bytes: read.files.reduce((sum, {size}) => sum + size, 0),
    get entries() {
      entries ??= [...listEntries(tree, read)];
      return entries;
    },
  };
}

/** The manifest of a tree that is known to be this snapshot; undefined when the store has none of it, or a damaged one. */
export function recallManifest(layout: StoreLayout, id: SnapshotId, tree: WalkedTree, digests: Buffer): Manifest | undefined {
  if (hashIfThere(layout.snapshot(id)) !== id) return undefined;
  const files = tree.entries.filter((entry) => entry.kind === 'file');
  return describeSaved(id, tree, FileDigests.from(files, digests));
}

/** The SHA-256 of a file, undefined when there is none that can be read. */
function hashIfThere(file: string): string | undefined {
  let descriptor: number;
  try {
    descriptor = fs.openSync(file, 'r');
  } catch (error) {
    if (readErrorCode(error) === undefined) throw error;
    return undefined;
  }
  try {
    const hash = createHash('sha256');
    const chunk = Buffer.allocUnsafeSlow(chunkBytes);
    for (let length = fs.readSync(descriptor, chunk); length > 0; length = fs.readSync(descriptor, chunk)) {
      hash.update(chunk.subarray(0, length));
    }
    return hash.digest('hex');
  } catch (error) {
    if (readErrorCode(error) === undefined) throw error;
    return undefined;
  } finally {
    fs.closeSync(descriptor);
  }
}

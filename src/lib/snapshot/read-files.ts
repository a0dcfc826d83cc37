import fs from 'node:fs';
import {setTimeout as sleep, setImmediate as yieldToOthers} from 'node:timers/promises';
import {DroverError} from '../errors/drover-error.js';
import {readErrorCode} from './error-code.js';
import {FileDigests} from './file-digests.js';
import type {Digest} from './manifest.js';
import {largeFileBytes, type ObjectWriter} from './object-writer.js';
import {type FileStamp, placeOf, type WalkedFile, type WalkedTree} from './walked-tree.js';

export interface ReadFilesOptions {
  readonly tree: WalkedTree;
  readonly writer: ObjectWriter;
  /** The digest of a file that need not be read. */
  readonly recall: (file: WalkedFile) => Digest | undefined;
  /** Sees each file that was read, once, with its bytes or the first 64 KiB of them; in order. */
  readonly look?: (file: WalkedFile, bytes: Buffer) => void;
  readonly now: () => number;
  readonly signal: AbortSignal;
}

/** A file as it was when it was read. */
interface ReadFile {
  readonly file: WalkedFile;
  readonly digest: Digest;
}

const attempts = 4;
/** Longer than the kernel's coarsest clock tick (10 ms): a write after this is seen in the times. */
const settleMs = 25;
const yieldEveryFiles = 256;

/**
 * Brings every file of a tree into the store, in order. `read` counts those that were not recalled. A file that changes
 * under the reader is read again, at most four times in all, then refused (`invalid-source`): nothing torn gets in.
 */
export async function readFiles(options: ReadFilesOptions): Promise<{readonly files: FileDigests; readonly read: number}> {
  const {tree, recall, signal} = options;
  const files = new FileDigests(tree.entries.length);
  let read = 0;
  for (const entry of tree.entries) {
    if (entry.kind !== 'file') continue;
    const recalled = recall(entry);
    if (recalled === undefined) {
      read += 1;
      const {file, digest} = readQuickly(entry, options) ?? (await readPatiently(entry, options));
      files.add(file, digest);
    } else {
      files.add(entry, recalled);
    }
    if (files.files.length % yieldEveryFiles === 0) {
      await yieldToOthers();
      signal.throwIfAborted();
    }
  }
  return {files, read};
}

function isSettled({mtimeMs, ctimeMs}: FileStamp, nowMs: number): boolean {
  return Math.abs(nowMs - Math.max(mtimeMs, ctimeMs)) > settleMs;
}

/** The common case, without a turn of the event loop: a small file that nobody writes to. */
function readQuickly(entry: WalkedFile, {tree, writer, look, now}: ReadFilesOptions): ReadFile | undefined {
  if (entry.size >= largeFileBytes || !isSettled(entry, now())) return undefined;
  const digest = guardRead(tree, entry, () => writer.takeSmall(placeOf(tree, entry), entry, (bytes) => look?.(entry, bytes)));
  return digest === undefined ? undefined : {file: entry, digest};
}

async function readPatiently(entry: WalkedFile, {tree, writer, look, now, signal}: ReadFilesOptions): Promise<ReadFile> {
  const see = (bytes: Buffer): void => look?.(entry, bytes);
  const file = placeOf(tree, entry);
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    signal.throwIfAborted();
    const stat = guardRead(tree, entry, () => fs.lstatSync(file));
    if (!stat.isFile()) throw refuse(tree, entry.path, 'stopped being a file while the tree was read');
    const {size, mtimeMs, ctimeMs, ino} = stat;
    const stamp = {size, mtimeMs, ctimeMs, ino};
    if (!isSettled(stamp, now())) await sleep(settleMs, undefined, {signal});
    const digest =
      size < largeFileBytes
        ? guardRead(tree, entry, () => writer.takeSmall(file, stamp, see))
        : await writer.takeLarge(file, stamp, signal, see).catch((error: unknown) => explain(tree, entry, error));
    if (digest !== undefined) return {file: {...entry, mode: stat.mode & 0o555, ...stamp}, digest};
  }
  throw refuse(tree, entry.path, `changed while it was read, ${attempts} times`);
}

function refuse(tree: WalkedTree, path: string, what: string): DroverError {
  return new DroverError({
    code: 'invalid-source',
    message: `"${path}" in ${tree.source} ${what}`,
    fix: 'stop what writes into it, or take the snapshot of a copy',
  });
}

/** What fails below the source is the source's fault; what fails in the store is told by the store. */
function explain(tree: WalkedTree, entry: WalkedFile, error: unknown): never {
  const code = readErrorCode(error);
  if (code === undefined || !(error instanceof Error && 'path' in error && error.path === placeOf(tree, entry))) throw error;
  throw refuse(tree, entry.path, code === 'ENOENT' ? 'vanished while the tree was read' : `cannot be read (${code})`);
}

function guardRead<Result>(tree: WalkedTree, entry: WalkedFile, read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    return explain(tree, entry, error);
  }
}

/** Refuses the tree when a directory of it has changed since it was listed: something was added, removed or renamed. */
export function refuseMoved(tree: WalkedTree): void {
  for (const part of tree.parts ?? [tree]) refuseMovedPart(part);
}

function refuseMovedPart(tree: WalkedTree): void {
  const root = {kind: 'directory', path: '', ...tree.rootStamp} as const;
  for (const entry of [root, ...tree.entries]) {
    if (entry.kind !== 'directory') continue;
    const stat = fs.lstatSync(entry.path === '' ? tree.root : `${tree.root}/${entry.path}`, {throwIfNoEntry: false});
    if (stat === undefined) throw refuse(tree, entry.path || '.', 'vanished while the tree was read');
    if (stat.mtimeMs !== entry.mtimeMs || stat.ctimeMs !== entry.ctimeMs)
      throw refuse(tree, entry.path || '.', 'changed while it was read');
  }
}

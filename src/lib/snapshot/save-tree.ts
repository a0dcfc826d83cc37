import {createHash} from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import {listIfThere} from './durable-file.js';
import type {Secret} from './likely-secrets.js';
import type {Manifest} from './manifest.js';
import {recallManifest, writeManifest} from './manifest-writer.js';
import {ObjectCatalog} from './object-catalog.js';
import {largeFileBytes, ObjectWriter} from './object-writer.js';
import {readFiles, refuseMoved} from './read-files.js';
import {makeRecord, type RecordDetails, readRecord, recallSecrets, writeRecord} from './records.js';
import {StatIndex, writeStatIndex} from './stat-index.js';
import type {SnapshotRecord} from './store.js';
import type {StoreLayout} from './store-layout.js';
import {holdStore} from './store-lock.js';
import type {WalkedFile, WalkedTree} from './walked-tree.js';

export interface SaveOptions {
  readonly tree: WalkedTree;
  readonly app: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly details?: RecordDetails;
  readonly inspection?: Inspection;
  readonly now: () => number;
  readonly signal: AbortSignal;
}

/** Whoever looks at what is saved while it is read. */
export interface Inspection {
  /** Sees each file that is read, in order, and its bytes, or the first 64 KiB of a large one. */
  look(file: WalkedFile, bytes: Buffer): void;
  /**
   * Asked when all was read, and before anything becomes visible; `known` is what was found in files that were read before and not now. What it
   * finds is recorded, what it throws ends the save.
   */
  judge(known: readonly Secret[]): readonly Secret[];
}

export interface SavedSnapshot {
  readonly record: SnapshotRecord;
  readonly manifest: Manifest;
  /** Bytes of files that no snapshot of this store had before. */
  readonly newBytes: number;
  readonly newFiles: number;
  /** Files whose content was in the store already, or twice in the tree. */
  readonly reusedFiles: number;
}

/** A save waits this long for a prune to end. */
const lockWaitMs = 120_000;

/**
 * Saves a tree: objects first, then the manifest, then the record, each durable before the next. A kill, a full disk or an
 * abort at any point leaves a valid store without this snapshot.
 */
export function saveTree(layout: StoreLayout, options: SaveOptions): Promise<SavedSnapshot> {
  const {now, signal} = options;
  return layout.guard(async () => {
    layout.prepare(now());
    return holdStore({directory: layout.folder('locks'), kind: 'save', now, waitMs: lockWaitMs, signal}, () => save(layout, options));
  });
}

async function save(layout: StoreLayout, options: SaveOptions): Promise<SavedSnapshot> {
  const {tree, inspection, signal} = options;
  const key = createHash('sha256').update(tree.key ?? tree.root);
  const indexFile = path.join(layout.folder('index'), key.digest('hex'));
  const index = StatIndex.load(indexFile);
  const digests = index !== undefined && isHeld(layout, index) ? index.matchAll(tree.entries) : undefined;
  const same = index === undefined || digests === undefined ? undefined : recallManifest(layout, index.snapshot, tree, digests);
  if (same === undefined) return saveChanged(layout, options, {file: indexFile, index});
  refuseMoved(tree);
  signal.throwIfAborted();
  const secrets = inspection?.judge(recallSecrets(layout, same.id)) ?? [];
  return {record: record(layout, same, secrets, options), manifest: same, newBytes: 0, newFiles: 0, reusedFiles: same.files};
}

async function saveChanged(
  layout: StoreLayout,
  options: SaveOptions,
  {file, index}: {readonly file: string; readonly index: StatIndex | undefined},
): Promise<SavedSnapshot> {
  const {tree, inspection, now, signal} = options;
  const startedMs = now();
  const catalog = new LazyCatalog(layout);
  const writer = new ObjectWriter(layout, (digest, size) =>
    size < largeFileBytes ? catalog.get().hasPacked(digest, size) : catalog.get().has(digest, size),
  );
  try {
    const recall = index === undefined ? () => undefined : chooseRecall(layout, index, catalog);
    const look = (entry: WalkedFile, bytes: Buffer): void => inspection?.look(entry, bytes);
    const {files, read} = await readFiles({tree, writer, recall, look, now, signal});
    refuseMoved(tree);
    signal.throwIfAborted();
    const secrets = inspection?.judge(index === undefined ? [] : recallSecrets(layout, index.snapshot)) ?? [];
    writer.finish();
    const manifest = writeManifest(layout, tree, files);
    const made = record(layout, manifest, secrets, options);
    if (read > 0 || index?.snapshot !== manifest.id) {
      writeStatIndex(file, {entries: tree.entries, read: files, snapshot: manifest.id, startedMs});
    }
    return {record: made, manifest, newBytes: writer.newBytes, newFiles: writer.newFiles, reusedFiles: manifest.files - writer.newFiles};
  } finally {
    writer.abort();
    catalog.close();
  }
}

function record(layout: StoreLayout, manifest: Manifest, secrets: readonly Secret[], options: SaveOptions): SnapshotRecord {
  const {app, labels, details = {}, now} = options;
  const made = makeRecord(readRecord(layout, app, manifest.id), manifest, {app, labels, details, secrets, at: new Date(now())});
  writeRecord(layout, made);
  return made;
}

class LazyCatalog {
  readonly #layout: StoreLayout;
  #catalog: ObjectCatalog | undefined;

  constructor(layout: StoreLayout) {
    this.#layout = layout;
  }

  get(): ObjectCatalog {
    this.#catalog ??= ObjectCatalog.load(this.#layout);
    return this.#catalog;
  }

  close(): void {
    this.#catalog?.close();
  }
}

/** What a kept snapshot holds is in the store, unless something was found damaged. */
function isHeld(layout: StoreLayout, index: StatIndex): boolean {
  return fs.existsSync(layout.snapshot(index.snapshot)) && listIfThere(layout.folder('quarantine')).length === 0;
}

/** Where something may be missing, each object is looked for. */
function chooseRecall(layout: StoreLayout, index: StatIndex, catalog: LazyCatalog): (file: WalkedFile) => ReturnType<StatIndex['match']> {
  if (isHeld(layout, index)) return (file) => index.match(file);
  return (file) => {
    const digest = index.match(file);
    return digest !== undefined && catalog.get().has(digest, file.size) ? digest : undefined;
  };
}

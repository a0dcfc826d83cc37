import {createHash} from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import {listIfThere} from './durable-file.js';
import type {ReadTree, Secret} from './likely-secrets.js';
import type {Manifest} from './manifest.js';
import {writeManifest} from './manifest-writer.js';
import {ObjectCatalog} from './object-catalog.js';
import {ObjectWriter} from './object-writer.js';
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
  /** Sees what was read before anything becomes visible; what it finds is recorded, what it throws ends the save. */
  readonly inspect?: (read: ReadTree) => readonly Secret[];
  readonly now: () => number;
  readonly signal: AbortSignal;
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

async function save(layout: StoreLayout, {tree, app, labels, details = {}, inspect, now, signal}: SaveOptions): Promise<SavedSnapshot> {
  const startedMs = now();
  const indexFile = path.join(
    layout.folder('index'),
    createHash('sha256')
      .update(tree.key ?? tree.root)
      .digest('hex'),
  );
  const index = StatIndex.load(indexFile);
  const catalog = new LazyCatalog(layout);
  const writer = new ObjectWriter(layout, (digest, size) => catalog.get().has(digest, size));
  try {
    const match = index === undefined ? () => undefined : chooseRecall(layout, index, catalog);
    const fresh: WalkedFile[] = [];
    const recall = (file: WalkedFile): ReturnType<typeof match> => {
      const digest = match(file);
      if (digest === undefined) fresh.push(file);
      return digest;
    };
    const {files, read} = await readFiles({tree, writer, recall, now, signal});
    refuseMoved(tree);
    signal.throwIfAborted();
    const secrets = inspect?.({fresh, known: index === undefined ? [] : recallSecrets(layout, index.snapshot)}) ?? [];
    writer.finish();
    const manifest = writeManifest(layout, tree, files);
    const record = makeRecord(readRecord(layout, app, manifest.id), manifest, {app, labels, details, secrets, at: new Date(now())});
    writeRecord(layout, record);
    if (read > 0 || index?.snapshot !== manifest.id) writeStatIndex(indexFile, files, manifest.id, startedMs);
    return {record, manifest, newBytes: writer.newBytes, newFiles: writer.newFiles, reusedFiles: manifest.files - writer.newFiles};
  } finally {
    writer.abort();
    catalog.close();
  }
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

/** What a kept snapshot holds is in the store, unless something was found damaged: then each object is looked for. */
function chooseRecall(layout: StoreLayout, index: StatIndex, catalog: LazyCatalog): (file: WalkedFile) => ReturnType<StatIndex['match']> {
  const isKept = fs.existsSync(layout.snapshot(index.snapshot));
  if (isKept && listIfThere(layout.folder('quarantine')).length === 0) return (file) => index.match(file);
  return (file) => {
    const digest = index.match(file);
    return digest !== undefined && catalog.get().has(digest, file.size) ? digest : undefined;
  };
}

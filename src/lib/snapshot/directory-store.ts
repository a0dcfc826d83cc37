import fs from 'node:fs';
import {Readable} from 'node:stream';
import {buildDelta, findDelta} from './delta.js';
import {listIfThere, nameTemporary} from './durable-file.js';
import {ObjectCatalog} from './object-catalog.js';
import {readObject} from './object-reader.js';
import {keepParts, listParts} from './part-files.js';
import {type Pruned, type PruneOptions, pruneStore} from './prune-store.js';
import {readManifest, readManifestText} from './read-manifest.js';
import {listRecords} from './records.js';
import {type Repair, repairStore} from './repair-store.js';
import {resolveRecord} from './resolve-record.js';
import {type SavedSnapshot, type SaveOptions, saveTree} from './save-tree.js';
import type {DamagedObject, Store} from './store.js';
import {StoreLayout} from './store-layout.js';
import {holdStore} from './store-lock.js';
import {verifyAll, verifyObjects} from './verify-store.js';

/** A store in a directory of this machine. */
export interface DirectoryStore extends Store {
  /** Absolute. */
  readonly path: string;
  /** A new, empty, private folder for a tree that is being brought in; whoever asked removes it, or the next save after its process has ended. */
  makeFolder(): Promise<string>;
  save(options: SaveOptions): Promise<SavedSnapshot>;
  /** Brings back what `verify` found damaged from the trees in `roots`. */
  repair(damaged: readonly DamagedObject[], roots: readonly string[], signal: AbortSignal): Promise<Repair>;
  prune(options: PruneOptions): Promise<Pruned>;
}

export interface OpenDirectoryStoreOptions {
  readonly path: string;
  readonly now: () => number;
}

const lockWaitMs = 120_000;

/**
 * Opens a store. A directory that does not exist is an empty store, and is made by the first save; one that holds something
 * else, or a newer format, is refused (`invalid-file`).
 */
export function openDirectoryStore({path, now}: OpenDirectoryStoreOptions): DirectoryStore {
  const layout = new StoreLayout(path);
  layout.isInitialised();
  const catalogs = new CatalogCache(layout);
  return {
    path: layout.root,
    list: async () => listRecords(layout),
    resolve: async (app, text) => resolveRecord(layout, app, text),
    manifest: async (id) => readManifest(layout, id),
    open: async (digest) => openObject(layout, catalogs.get(), digest),
    verify: async (id, signal) => {
      const options = {layout, catalog: catalogs.get(), signal};
      return id === undefined ? verifyAll(options) : verifyObjects(options, [readManifest(layout, id)]);
    },
    parts: async () => listParts(layout),
    keepParts: (snapshot, parts, signal) => {
      const lock = {directory: layout.folder('locks'), kind: 'save', now, waitMs: lockWaitMs, signal} as const;
      return layout.guard(() => {
        layout.prepare(now());
        return holdStore(lock, async () => keepParts(layout, snapshot, parts));
      });
    },
    delta: async (base, snapshot, signal, encoding = 'gzip') => {
      const found = await findDelta(layout, {base, snapshot, encoding}, signal);
      if (found !== undefined) return found;
      // Not while objects are being removed.
      const lock = {directory: layout.folder('locks'), kind: 'save', now, waitMs: lockWaitMs, signal} as const;
      return layout.guard(() => {
        readManifestText(layout, snapshot);
        layout.prepare(now());
        return holdStore(lock, () => buildDelta({layout, catalog: ObjectCatalog.load(layout), base, snapshot, encoding, signal}));
      });
    },
    makeFolder: () =>
      layout.guard(async () => {
        layout.prepare(now());
        const folder = nameTemporary(layout.folder('sources'));
        fs.mkdirSync(folder, {mode: 0o700});
        return folder;
      }),
    save: (options) => saveTree(layout, options),
    repair: (damaged, roots, signal) => {
      const lock = {directory: layout.folder('locks'), kind: 'save', now, waitMs: lockWaitMs, signal} as const;
      return layout.guard(() => {
        layout.prepare(now());
        catalogs.forget();
        return holdStore(lock, () => repairStore({layout, damaged, roots, signal}));
      });
    },
    prune: (options) => pruneStore(layout, options),
  };
}

/** Reads the indexes again only when there are others. */
class CatalogCache {
  readonly #layout: StoreLayout;
  #state = '';
  #catalog: ObjectCatalog | undefined;

  constructor(layout: StoreLayout) {
    this.#layout = layout;
  }

  /** A pack that is written anew keeps its name. */
  forget(): void {
    this.#catalog?.close();
    this.#catalog = undefined;
  }

  get(): ObjectCatalog {
    const state = [...listIfThere(this.#layout.folder('packs')), ...listIfThere(this.#layout.folder('quarantine'))].join('\n');
    if (this.#catalog === undefined || state !== this.#state) {
      this.#catalog?.close();
      this.#catalog = ObjectCatalog.load(this.#layout);
      this.#state = state;
    }
    return this.#catalog;
  }
}

/** Nothing is given of an object that is missing or small and bad; of a large one the stream fails at its end. */
async function openObject(layout: StoreLayout, catalog: ObjectCatalog, digest: Parameters<Store['open']>[0]): Promise<Readable> {
  const pieces = readObject({layout, catalog, digest});
  const first = await pieces.next();
  catalog.close();
  return Readable.from(
    (async function* () {
      if (first.done === true) return;
      yield first.value;
      yield* pieces;
    })(),
    {objectMode: false},
  );
}

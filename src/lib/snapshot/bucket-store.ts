import {createHash} from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import {Readable} from 'node:stream';
import {gzipSync} from 'node:zlib';
import {DroverError} from '../errors/drover-error.js';
import type {Bucket} from './bucket.js';
import {bodyOf} from './bucket-exchange.js';
import {fetchLarge, fetchManifest, fetchSmall, type NeededObject} from './bucket-fetch.js';
import {eachAtOnce, KnownBucket} from './bucket-known.js';
import {mergeRecords, refuseRolledBack} from './bucket-records.js';
import {shareDelta} from './bucket-share.js';
import {uploadSnapshot} from './bucket-upload.js';
import {verifyBucket} from './bucket-verify.js';
import {compareTrees} from './delta-archive.js';
import type {Encoding} from './delta-encoding.js';
import {type DirectoryStore, openDirectoryStore} from './directory-store.js';
import {writeDurably} from './durable-file.js';
import type {Digest, Manifest, SnapshotId} from './manifest.js';
import {parseManifest} from './manifest-text.js';
import {ObjectCatalog} from './object-catalog.js';
import {readObject} from './object-reader.js';
import {ObjectWriter} from './object-writer.js';
import type {Part} from './part.js';
import {readManifest} from './read-manifest.js';
import {chooseRecord} from './resolve-record.js';
import type {SavedSnapshot, SaveOptions} from './save-tree.js';
import type {DamagedObject, Delta, PartRecord, SharedDelta, SnapshotRecord} from './store.js';
import {bucketFolder, StoreLayout} from './store-layout.js';
import {holdStore} from './store-lock.js';

export interface OpenBucketStoreOptions {
  readonly bucket: Bucket;
  /** Directory of this machine that snapshots pass through. */
  readonly cache: string;
  readonly now: () => number;
  /** Ends what waits for the service, where a call has no signal of its own. */
  readonly signal: AbortSignal;
}

/**
 * A store in a bucket. Snapshots are saved in a directory of this machine first and uploaded then; what others have saved is fetched when it is
 * needed, verified, and kept below that directory, apart from what was saved here.
 */
export function openBucketStore(options: OpenBucketStoreOptions): DirectoryStore {
  return new BucketStore(options);
}

const lockWaitMs = 120_000;

class BucketStore implements DirectoryStore {
  readonly path: string;
  readonly #bucket: Bucket;
  readonly #known: KnownBucket;
  readonly #own: DirectoryStore;
  readonly #ownLayout: StoreLayout;
  readonly #fetched: StoreLayout;
  readonly #now: () => number;
  readonly #signal: AbortSignal;

  constructor({bucket, cache, now, signal}: OpenBucketStoreOptions) {
    const folder = path.join(cache, bucketFolder, createHash('sha256').update(bucket.identity).digest('hex').slice(0, 12));
    this.#bucket = bucket;
    this.#own = openDirectoryStore({path: cache, now});
    this.#ownLayout = new StoreLayout(cache);
    this.#fetched = new StoreLayout(path.join(folder, 'fetched'));
    this.#known = new KnownBucket(bucket, path.join(folder, 'known'));
    this.#now = now;
    this.#signal = signal;
    this.path = this.#own.path;
  }

  makeFolder(): Promise<string> {
    return this.#own.makeFolder();
  }

  async save(options: SaveOptions): Promise<SavedSnapshot> {
    const saved = await this.#own.save(options);
    const {manifest, record} = saved;
    await uploadSnapshot({bucket: this.#bucket, known: this.#known, layout: this.#ownLayout, manifest, record, signal: options.signal});
    return saved;
  }

  async list(): Promise<readonly SnapshotRecord[]> {
    return mergeRecords((await this.#known.readRecords(this.#signal)).there);
  }

  async resolve(app: string, text: string): Promise<SnapshotRecord> {
    const {there, gone} = await this.#known.readRecords(this.#signal);
    const record = chooseRecord(mergeRecords(there), app, text, this.#bucket.where);
    if (text === 'latest') refuseRolledBack(this.#bucket.where, record, gone);
    return record;
  }

  async manifest(id: SnapshotId): Promise<Manifest> {
    const layout = [this.#ownLayout, this.#fetched].find((each) => fs.existsSync(each.snapshot(id)));
    if (layout !== undefined) return readManifest(layout, id);
    const text = await fetchManifest(this.#bucket, id, this.#signal);
    return this.#fetched.guard(async () => {
      fs.mkdirSync(this.#fetched.root, {recursive: true});
      this.#fetched.prepare(this.#now());
      writeDurably(this.#fetched.snapshot(id), text);
      return parseManifest(text.toString('utf8'));
    });
  }

  async open(digest: Digest): Promise<Readable> {
    if (this.#findHere(digest, undefined)) return this.#own.open(digest);
    const places = await this.#known.readPlaces(this.#signal);
    const size = places.get(digest)?.[0]?.length ?? Number.POSITIVE_INFINITY;
    await this.#fetch([{digest, size}], this.#signal);
    const catalog = ObjectCatalog.load(this.#fetched);
    return Readable.from(readObject({layout: this.#fetched, catalog, digest}), {objectMode: false});
  }

  async verify(id: SnapshotId | undefined, signal: AbortSignal): Promise<readonly DamagedObject[]> {
    const ids = id === undefined ? [...new Set((await this.list()).map((record) => record.id))] : [id];
    return verifyBucket(this.#bucket, this.#known, ids, signal);
  }

  /** Built from what was saved here where that is whole, else from what was fetched. */
  async delta(base: SnapshotId | undefined, snapshot: SnapshotId, signal: AbortSignal, encoding?: Encoding): Promise<Delta> {
    const ids = base === undefined ? [snapshot] : [base, snapshot];
    if (ids.every((each) => fs.existsSync(this.#ownLayout.snapshot(each)))) {
      const delta = await this.#own.delta(base, snapshot, signal, encoding).catch(passIntegrity);
      if (delta !== undefined) return delta;
    }
    const from = base === undefined ? undefined : await this.#bringManifest(base);
    const to = await this.#bringManifest(snapshot);
    const fetched = openDirectoryStore({path: this.#fetched.root, now: this.#now});
    await this.#fetch(listFiles(compareTrees(from, to).fresh), signal);
    const delta = await fetched.delta(base, snapshot, signal, encoding).catch(passIntegrity);
    if (delta !== undefined) return delta;
    // It takes more than what is new, or a copy here was damaged, and was put aside just now.
    await this.#fetch(listFiles([...to.entries, ...(from?.entries ?? [])]), signal);
    return fetched.delta(base, snapshot, signal, encoding);
  }

  share(delta: Delta, signal: AbortSignal): Promise<SharedDelta> {
    return shareDelta(this.#bucket, delta, signal);
  }

  async parts(): Promise<readonly PartRecord[]> {
    return (await this.#bucket.list('parts/', this.#signal)).flatMap((name): PartRecord[] => {
      const [, id, snapshot] = /^([0-9a-f]{64})\.([0-9a-f]{64})$/.exec(name) ?? [];
      return id === undefined || snapshot === undefined ? [] : [{id: id as SnapshotId, snapshot: snapshot as SnapshotId}];
    });
  }

  /** Here and in the bucket, where the manifest of a part comes before its record. */
  async keepParts(snapshot: SnapshotId, parts: readonly Part[], signal: AbortSignal): Promise<void> {
    if (fs.existsSync(this.#ownLayout.snapshot(snapshot))) await this.#own.keepParts(snapshot, parts, signal);
    const there = new Set((await this.parts()).map((part) => `${part.id}.${part.snapshot}`));
    await eachAtOnce(
      parts.filter(({manifest}) => !there.has(`${manifest.id}.${snapshot}`)),
      4,
      async ({manifest, text}) => {
        await this.#bucket.add(`snapshots/${manifest.id}.gz`, bodyOf(gzipSync(text)), signal);
        await this.#bucket.add(`parts/${manifest.id}.${snapshot}`, bodyOf(Buffer.alloc(0)), signal);
      },
    );
  }

  /** What others need is theirs to keep: only what lies on this machine is removed. */
  prune(options: Parameters<DirectoryStore['prune']>[0]): ReturnType<DirectoryStore['prune']> {
    return this.#own.prune(options);
  }

  async #bringManifest(id: SnapshotId): Promise<Manifest> {
    const manifest = await this.manifest(id);
    if (fs.existsSync(this.#fetched.snapshot(id))) return manifest;
    return this.#fetched.guard(async () => {
      fs.mkdirSync(this.#fetched.root, {recursive: true});
      this.#fetched.prepare(this.#now());
      fs.copyFileSync(this.#ownLayout.snapshot(id), this.#fetched.snapshot(id));
      return manifest;
    });
  }

  #findHere(digest: Digest, size: number | undefined): boolean {
    const catalog = ObjectCatalog.load(this.#ownLayout);
    try {
      return size === undefined ? catalog.find(digest) !== undefined : catalog.has(digest, size);
    } finally {
      catalog.close();
    }
  }

  /** Brings what is not here yet: from what was saved here, else from the bucket. Throws `integrity` when something is nowhere whole. */
  async #fetch(needed: readonly NeededObject[], signal: AbortSignal): Promise<void> {
    const lock = {directory: this.#fetched.folder('locks'), kind: 'save', now: this.#now, waitMs: lockWaitMs, signal} as const;
    await this.#fetched.guard(async () => {
      fs.mkdirSync(this.#fetched.root, {recursive: true});
      this.#fetched.prepare(this.#now());
      await holdStore(lock, () => this.#bringObjects(needed, signal));
    });
  }

  async #bringObjects(needed: readonly NeededObject[], signal: AbortSignal): Promise<void> {
    const [here, own] = [ObjectCatalog.load(this.#fetched), ObjectCatalog.load(this.#ownLayout)];
    const writer = new ObjectWriter(this.#fetched, (digest, size) => here.has(digest, size));
    const from = {catalog: own, layout: this.#ownLayout, target: this.#fetched, writer};
    try {
      const lacking = needed.filter(({digest, size}) => !here.has(digest, size));
      const remote: NeededObject[] = [];
      for (const object of lacking) if (!(await copyObject(from, object))) remote.push(object);
      if (remote.length === 0) return;
      const places = await this.#known.readPlaces(signal);
      const small = remote.filter(({digest}) => places.has(digest));
      const lost = [...(await fetchSmall(this.#bucket, places, small, writer, signal))];
      for (const object of remote) {
        if (places.has(object.digest)) continue;
        if (!(await fetchLarge(this.#bucket, object, this.#fetched, signal))) lost.push(object);
      }
      const [first] = lost;
      if (first !== undefined) {
        throw new DroverError({
          code: 'integrity',
          message: `object ${first.digest.slice(0, 12)}${lost.length > 1 ? ` and ${lost.length - 1} more` : ''} of ${this.#bucket.where} are missing or were altered there`,
          fix: 'rebuild it from its source: drover snapshot',
        });
      }
    } finally {
      // What did arrive stays: the next try has less to do.
      writer.finish();
      writer.abort();
      here.close();
      own.close();
    }
  }
}

/** Takes an object that was saved here; a small one only when it is whole, a large one is verified when it is read. */
async function copyObject(
  {catalog, layout, target, writer}: {catalog: ObjectCatalog; layout: StoreLayout; target: StoreLayout; writer: ObjectWriter},
  {digest, size}: NeededObject,
): Promise<boolean> {
  if (!catalog.has(digest, size)) return false;
  const place = catalog.find(digest);
  if (place?.kind === 'large') return linkLarge(place.file, target.object(digest));
  try {
    const pieces: Buffer[] = [];
    for await (const piece of readObject({layout, catalog, digest, size})) pieces.push(piece);
    writer.take(digest, Buffer.concat(pieces));
    return true;
  } catch (error) {
    passIntegrity(error);
    return false;
  }
}

function linkLarge(file: string, target: string): boolean {
  fs.mkdirSync(path.dirname(target), {recursive: true});
  fs.linkSync(file, target);
  return true;
}

function listFiles(entries: Manifest['entries']): readonly NeededObject[] {
  const files = new Map<Digest, NeededObject>();
  for (const entry of entries) if (entry.kind === 'file') files.set(entry.digest, {digest: entry.digest, size: entry.size});
  return [...files.values()];
}

/** Damage is what another source can heal; everything else is thrown on. */
function passIntegrity(error: unknown): undefined {
  if (error instanceof DroverError && error.code === 'integrity') return undefined;
  throw error;
}

import {createHash} from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import {Readable} from 'node:stream';
import {gzipSync} from 'node:zlib';
import {DroverError} from '../errors/drover-error.js';
import type {Bucket} from './bucket.js';
import {bringObjects, passIntegrity} from './bucket-bring.js';
import {bodyOf} from './bucket-exchange.js';
import {fetchManifest, type NeededObject} from './bucket-fetch.js';
import {eachAtOnce, KnownBucket} from './bucket-known.js';
import {type BucketHold, holdBucket} from './bucket-lock.js';
import {bucketGraceMs, pruneBucket} from './bucket-prune.js';
import {mergeRecords, refuseRolledBack} from './bucket-records.js';
import {repairBucket} from './bucket-repair.js';
import {shareDelta} from './bucket-share.js';
import {uploadSnapshot} from './bucket-upload.js';
import {verifyBucket, verifyWholeBucket} from './bucket-verify.js';
import {compareTrees} from './delta-archive.js';
import type {Encoding} from './delta-encoding.js';
import {type DirectoryStore, openDirectoryStore} from './directory-store.js';
import {writeDurably} from './durable-file.js';
import type {Digest, Manifest, SnapshotId} from './manifest.js';
import {parseManifest} from './manifest-text.js';
import {ObjectCatalog} from './object-catalog.js';
import {readObject} from './object-reader.js';
import type {Part} from './part.js';
import {chooseOld} from './prune-policy.js';
import type {Pruned, PruneOptions} from './prune-store.js';
import {readManifest} from './read-manifest.js';
import type {Repair} from './repair-store.js';
import {chooseRecord} from './resolve-record.js';
import type {SavedSnapshot, SaveOptions} from './save-tree.js';
import type {DamagedObject, Delta, PartRecord, SharedDelta, SnapshotRecord} from './store.js';
import {bucketFolder, StoreLayout} from './store-layout.js';
import {holdStore, type LockKind} from './store-lock.js';

export interface OpenBucketStoreOptions {
  readonly bucket: Bucket;
  /** Directory of this machine that snapshots pass through. */
  readonly cache: string;
  readonly now: () => number;
  /** Ends what waits for the service, where a call has no signal of its own. */
  readonly signal: AbortSignal;
  /** What is younger is not pruned from the bucket unless a record goes with it; a day unless told. */
  readonly graceMs?: number;
}

/**
 * A store in a bucket. Snapshots are saved in a directory of this machine first and uploaded then; what others have saved is fetched when it is
 * needed, verified, and kept below that directory, apart from what was saved here.
 */
export function openBucketStore(options: OpenBucketStoreOptions): DirectoryStore {
  return new BucketStore(options);
}

const lockWaitMs = 120_000;
const pruneWaitMs = 10_000;

class BucketStore implements DirectoryStore {
  readonly path: string;
  readonly #bucket: Bucket;
  readonly #known: KnownBucket;
  readonly #own: DirectoryStore;
  readonly #ownLayout: StoreLayout;
  readonly #fetched: StoreLayout;
  readonly #now: () => number;
  readonly #signal: AbortSignal;
  readonly #graceMs: number;

  constructor({bucket, cache, now, signal, graceMs = bucketGraceMs}: OpenBucketStoreOptions) {
    const folder = path.join(cache, bucketFolder, createHash('sha256').update(bucket.identity).digest('hex').slice(0, 12));
    this.#bucket = bucket;
    this.#own = openDirectoryStore({path: cache, now});
    this.#ownLayout = new StoreLayout(cache);
    this.#fetched = new StoreLayout(path.join(folder, 'fetched'));
    this.#known = new KnownBucket(bucket, path.join(folder, 'known'));
    this.#now = now;
    this.#signal = signal;
    this.#graceMs = graceMs;
    this.path = this.#own.path;
  }

  makeFolder(): Promise<string> {
    return this.#own.makeFolder();
  }

  async save(options: SaveOptions): Promise<SavedSnapshot> {
    const saved = await this.#own.save(options);
    const {manifest, record} = saved;
    const upload = {bucket: this.#bucket, known: this.#known, layout: this.#ownLayout, manifest, record, signal: options.signal};
    await this.#hold('save', options.signal, (hold) => uploadSnapshot({...upload, hold}));
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
    const place = {bucket: this.#bucket, known: this.#known};
    return id === undefined ? verifyWholeBucket(place, signal) : verifyBucket(place, [id], signal);
  }

  repair(damaged: readonly DamagedObject[], roots: readonly string[], signal: AbortSignal): Promise<Repair> {
    const readManifest = (id: SnapshotId): Promise<Manifest> => this.manifest(id);
    const place = {bucket: this.#bucket, known: this.#known, own: this.#ownLayout, fetched: this.#fetched, readManifest};
    return this.#hold('save', signal, (hold) =>
      this.#whileFetching(() => repairBucket({...place, hold}, {damaged, roots, signal}), signal),
    );
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
    const lacking = parts.filter(({manifest}) => !there.has(`${manifest.id}.${snapshot}`));
    if (lacking.length === 0) return;
    await this.#hold('save', signal, ({check}) =>
      eachAtOnce(lacking, 4, async ({manifest, text}) => {
        await this.#bucket.add(`snapshots/${manifest.id}.gz`, bodyOf(gzipSync(text)), signal, check);
        await this.#bucket.add(`parts/${manifest.id}.${snapshot}`, bodyOf(Buffer.alloc(0)), signal, check);
      }),
    );
  }

  /** The bucket first, then what lies on this machine, under the same rules. */
  async prune(options: PruneOptions): Promise<Pruned> {
    const readManifest = (id: SnapshotId): Promise<Manifest> => this.manifest(id);
    const prune = {bucket: this.#bucket, known: this.#known, readManifest, graceMs: this.#graceMs, options};
    // Rules that make no sense are refused before anything is asked.
    chooseOld([], options, this.#now());
    const pruned = options.dryRun
      ? await pruneBucket({...prune, hold: {check: () => undefined}})
      : await this.#hold('prune', options.signal, (hold) => pruneBucket({...prune, hold}));
    const {freedBytes: localFreedBytes} = await this.#own.prune(options);
    return {...pruned, localFreedBytes};
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
    await this.#whileFetching(async () => {
      const lost = await bringObjects(
        {bucket: this.#bucket, known: this.#known, own: this.#ownLayout, fetched: this.#fetched},
        needed,
        signal,
      );
      const [first] = lost;
      if (first === undefined) return;
      throw new DroverError({
        code: 'integrity',
        message: `object ${first.digest.slice(0, 12)}${lost.length > 1 ? ` and ${lost.length - 1} more` : ''} of ${this.#bucket.where} are missing or were altered there`,
        fix: 'rebuild it from its source: drover snapshot verify --repair, or drover snapshot',
      });
    }, signal);
  }

  /** Nobody removes anything from what was fetched meanwhile. */
  async #whileFetching<Result>(work: () => Promise<Result>, signal: AbortSignal): Promise<Result> {
    const lock = {directory: this.#fetched.folder('locks'), kind: 'save', now: this.#now, waitMs: lockWaitMs, signal} as const;
    return this.#fetched.guard(async () => {
      fs.mkdirSync(this.#fetched.root, {recursive: true});
      this.#fetched.prepare(this.#now());
      return holdStore(lock, work);
    });
  }

  #hold<Result>(kind: LockKind, signal: AbortSignal, work: (hold: BucketHold) => Promise<Result>): Promise<Result> {
    const waitMs = kind === 'prune' ? pruneWaitMs : lockWaitMs;
    return holdBucket({bucket: this.#bucket, kind, now: this.#now, waitMs, signal}, work);
  }
}

function listFiles(entries: Manifest['entries']): readonly NeededObject[] {
  const files = new Map<Digest, NeededObject>();
  for (const entry of entries) if (entry.kind === 'file') files.set(entry.digest, {digest: entry.digest, size: entry.size});
  return [...files.values()];
}

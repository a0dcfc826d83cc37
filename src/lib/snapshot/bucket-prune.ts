import type {Bucket, ListedObject} from './bucket.js';
import {eachAtOnce, type KnownBucket} from './bucket-known.js';
import type {BucketHold} from './bucket-lock.js';
import {mergeRecords} from './bucket-records.js';
import {sortSnapshots} from './kept-snapshots.js';
import type {Digest, Manifest, SnapshotId} from './manifest.js';
import type {Pruned, PruneOptions} from './prune-store.js';
import type {PartRecord} from './store.js';

/** What is younger stays although nothing names it: somebody may be about to. By the clock of the service. */
export const bucketGraceMs = 24 * 60 * 60_000;

const atOnce = 8;

/** Other programs may keep what they like below the same prefix. */
const isOurs = (key: string): boolean => /^(?:objects\/[0-9a-f]{2}|deltas)\/[0-9a-f]{64}$/.test(key);

export interface PruneBucketOptions {
  readonly bucket: Bucket;
  readonly known: KnownBucket;
  readonly readManifest: (id: SnapshotId) => Promise<Manifest>;
  readonly graceMs: number;
  /** Nobody saves while it is held; a dry run holds nothing. */
  readonly hold: BucketHold;
  readonly options: PruneOptions;
}

/**
 * Removes what no kept snapshot needs from a bucket: records first, so that at every moment what is listed is there, then manifests and what
 * they alone named. A pack goes when nothing in it is needed, else it stays as it is: none is written anew. Deltas go by their age, since
 * they are built again, and uploads that nobody ended too. Journals of runs stay. Before anything goes every kept manifest was read.
 */
export async function pruneBucket(prune: PruneBucketOptions): Promise<Pruned> {
  const {bucket, known, readManifest, graceMs, hold, options} = prune;
  const {signal, now, dryRun = false} = options;
  const files = await known.readRecordFiles(signal);
  const parts = await listObjects(bucket, 'parts/', signal);
  const manifests = await listObjects(bucket, 'snapshots/', signal);
  const {old, kept} = sortSnapshots(
    {records: mergeRecords([...files.values()]), parts: parts.flatMap(readPart), manifests: manifests.map(readManifestId)},
    options,
    now(),
  );
  const live = await collectLive(kept, readManifest);
  const isYoung = ({changedMs}: ListedObject): boolean => bucket.serviceNow() - changedMs < graceMs;
  const [stays, gone] = [new Set<string>(kept), new Set(old.map(({app, id}) => `${app}\n${id}`))];
  const records = (await listObjects(bucket, 'records/', signal)).filter(({name}) => {
    const record = files.get(name);
    return record !== undefined && gone.has(`${record.app}\n${record.id}`);
  });
  const recorded = new Set<string>(old.map(({id}) => id));
  const nameless = manifests.filter((each) => !stays.has(readManifestId(each)));
  const removed = nameless.filter((each) => recorded.has(readManifestId(each)) || !isYoung(each));
  const content = await sortContent(prune, live);
  const youngPacks = new Set(content.packs.filter(isYoung).map(({name}) => packOf(name)));
  const isYoungPack = (name: string): boolean => youngPacks.has(packOf(name));
  const oldPacks = content.packs.filter(({name}) => !isYoungPack(name));
  const oldLarge = content.large.filter((each) => !isYoung(each));
  const leaving = new Set([...oldPacks.map(({name}) => packOf(name)), ...oldLarge.map(({name}) => name.slice(3))]);
  const stands = (mark: string): boolean => {
    const [digest = '', where = ''] = mark.split('.');
    if (where !== 'object') return content.standing.has(where) && !leaving.has(where);
    return live.has(digest as Digest) || (content.standing.has(digest) && !leaving.has(digest));
  };
  const sweep: readonly (readonly [folder: string, objects: readonly ListedObject[]])[] = [
    ['records/', records],
    ['parts/', parts.filter((part) => readPart(part).every(({id}) => !stays.has(id)))],
    ['snapshots/', removed],
    // An index without its pack would promise what is gone.
    ['packs/', oldPacks.filter(({name}) => name.endsWith('.idx'))],
    ['packs/', oldPacks.filter(({name}) => !name.endsWith('.idx'))],
    ['objects/', oldLarge],
    ['deltas/', (await listObjects(bucket, 'deltas/', signal)).filter((each) => !isYoung(each))],
    // As long as a bad copy is there, it must not be taken for a good one.
    ['quarantine/', content.marks.filter(({name}) => !stands(name))],
  ];
  const young = [...content.packs.filter(({name}) => isYoungPack(name)), ...content.large.filter(isYoung)];
  const sum = (objects: readonly ListedObject[]): number => objects.reduce((bytes, each) => bytes + each.bytes, 0);
  const pruned = {
    records: old,
    removed: removed.map(readManifestId),
    kept,
    freedBytes: sum(sweep.flatMap(([, objects]) => objects)),
    unneededBytes: content.sharedBytes + sum(young),
  };
  if (dryRun) return pruned;
  for (const [folder, objects] of sweep) {
    await eachAtOnce(objects, atOnce, ({name}) => bucket.remove(`${folder}${name}`, signal, hold.check));
  }
  for (const upload of await bucket.listUploads(signal)) {
    if (isOurs(upload.key) && bucket.serviceNow() - upload.begunMs >= graceMs) await bucket.abandonUpload(upload, signal);
  }
  known.forget(
    'records',
    records.map(({name}) => name),
  );
  known.forget(
    'packs',
    oldPacks.map(({name}) => name),
  );
  return pruned;
}

function listObjects(bucket: Bucket, folder: string, signal: AbortSignal): Promise<ListedObject[]> {
  return bucket.listObjects(folder, signal);
}

function packOf(name: string): string {
  return name.replace(/\.(idx|pack)$/, '');
}

function readManifestId({name}: ListedObject): SnapshotId {
  return name.replace(/\.gz$/, '') as SnapshotId;
}

function readPart({name}: ListedObject): readonly PartRecord[] {
  const [id, snapshot] = name.split('.');
  return id === undefined || snapshot === undefined ? [] : [{id: id as SnapshotId, snapshot: snapshot as SnapshotId}];
}

async function collectLive(kept: readonly SnapshotId[], read: (id: SnapshotId) => Promise<Manifest>): Promise<ReadonlySet<Digest>> {
  const live = new Set<Digest>();
  for (const id of kept) for (const entry of (await read(id)).entries) if (entry.kind === 'file') live.add(entry.digest);
  return live;
}

interface Content {
  /** Packs of which nothing is needed, each after its index, and packs that no index names. */
  readonly packs: readonly ListedObject[];
  readonly large: readonly ListedObject[];
  /** What is said of bad copies. */
  readonly marks: readonly ListedObject[];
  /** The ids of all packs and the digests of all large objects. */
  readonly standing: ReadonlySet<string>;
  /** What nothing needs in packs of which something is needed. */
  readonly sharedBytes: number;
}

async function sortContent({bucket, known, options: {signal}}: PruneBucketOptions, live: ReadonlySet<Digest>): Promise<Content> {
  const indexes = await known.readPacks(signal);
  const needed = new Map<string, boolean>();
  let sharedBytes = 0;
  for (const [pack, objects] of indexes) {
    const dead = objects.filter(({digest}) => !live.has(digest));
    const isNeeded = dead.length < objects.length;
    needed.set(pack, isNeeded);
    if (!isNeeded) continue;
    for (const {length} of dead) sharedBytes += length;
  }
  const listed = await bucket.listObjects('packs/', signal);
  // A pack whose index is there and could not be read may hold anything.
  const indexed = new Set(listed.flatMap(({name}) => (name.endsWith('.idx') ? [packOf(name)] : [])));
  const packs = listed.filter(({name}) => {
    const pack = packOf(name);
    return needed.get(pack) === false || (!needed.has(pack) && !indexed.has(pack));
  });
  const objects = await bucket.listObjects('objects/', signal);
  const large = objects.filter(({name}) => !live.has(name.slice(3) as Digest));
  const standing = new Set([...listed.map(({name}) => packOf(name)), ...objects.map(({name}) => name.slice(3))]);
  const marks = (await bucket.listObjects('quarantine/', signal)).filter(({name}) => /^[0-9a-f]{64}\.(object|[0-9a-f]{64})$/.test(name));
  return {packs, large, marks, standing, sharedBytes};
}

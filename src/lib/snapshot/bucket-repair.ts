import {gzipSync} from 'node:zlib';
import {DroverError} from '../errors/drover-error.js';
import {copyObjects, type Sources} from './bucket-bring.js';
import {bodyOf} from './bucket-exchange.js';
import {fetchSmall, type NeededObject} from './bucket-fetch.js';
import type {BucketHold} from './bucket-lock.js';
import {uploadObjects} from './bucket-upload.js';
import {checkLarge} from './bucket-verify.js';
import {readIfThere} from './durable-file.js';
import type {Digest, Entry, Manifest, SnapshotId} from './manifest.js';
import {snapshotId} from './manifest-text.js';
import {ObjectCatalog} from './object-catalog.js';
import {checkObject} from './object-reader.js';
import {ObjectWriter} from './object-writer.js';
import {nameQuarantined, setAside} from './quarantine.js';
import {type Repair, searchTree} from './repair-store.js';
import type {DamagedObject} from './store.js';
import type {StoreLayout} from './store-layout.js';

export interface RepairBucketOptions {
  /** What a verification found. */
  readonly damaged: readonly DamagedObject[];
  /** Trees that may hold the same bytes, under whatever name. */
  readonly roots: readonly string[];
  readonly signal: AbortSignal;
}

type FileEntry = Extract<Entry, {kind: 'file'}>;

export interface RepairedPlace extends Sources {
  /** Nobody prunes while it is held. */
  readonly hold: BucketHold;
  readonly readManifest: (id: SnapshotId) => Promise<Manifest>;
}

const empty = bodyOf(Buffer.alloc(0));

/**
 * Heals a bucket from what lies on this machine, from trees, and from other packs: bad copies are marked in `quarantine/`, where nobody reads
 * them any more and the next save brings them anew; whole ones are brought at once. A record, an index or a manifest is written again from
 * a copy here, else it is put aside. Only while nobody prunes.
 */
export async function repairBucket(place: RepairedPlace, {damaged, roots, signal}: RepairBucketOptions): Promise<Repair> {
  const lost = new Set<DamagedObject>();
  for (const each of damaged) if (each.file !== undefined && !(await healFile(place, each.file, signal))) lost.add(each);
  const wanted = new Set(damaged.filter(({file}) => file === undefined).map(({digest}) => digest));
  const entries = await findEntries(place, wanted, signal);
  await markBad(place, [...entries.values()], signal);
  await gather(place, [...entries.values()], roots, signal);
  const whole = await findWhole(place, [...entries.values()], signal);
  await uploadObjects({...place, layout: place.fetched, signal}, {entries: whole});
  const [places, large] = [await place.known.readPlaces(signal), await place.known.readLarge(signal)];
  for (const each of damaged) if (each.file === undefined && !places.has(each.digest) && !large.has(each.digest)) lost.add(each);
  return {repaired: damaged.filter((each) => !lost.has(each)), lost: damaged.filter((each) => lost.has(each))};
}

/** From the copy of this machine; without one it is put aside, so that the rest can be used, and false comes back. */
async function healFile({bucket, known, own, fetched, hold: {check}}: RepairedPlace, file: string, signal: AbortSignal): Promise<boolean> {
  const [folder = '', name = ''] = file.split('/');
  const copy = folder === 'snapshots' ? readManifestCopy([own, fetched], name) : known.readCopy(folder as 'packs' | 'records', name);
  if (copy !== undefined) {
    await bucket.replace(file, bodyOf(copy), signal, check);
    return true;
  }
  const bytes = await bucket.get(file, signal);
  if (bytes === undefined) return false;
  await bucket.replace(`quarantine/${name}.${folder}`, bodyOf(bytes), signal, check);
  await bucket.remove(file, signal, check);
  return false;
}

function readManifestCopy(layouts: readonly Sources['own'][], name: string): Buffer | undefined {
  const id = name.slice(0, 64) as SnapshotId;
  const text = layouts.map((layout) => readIfThere(layout.snapshot(id))).find((each) => each !== undefined && snapshotId(each) === id);
  return text === undefined ? undefined : gzipSync(text);
}

/** A file entry of any snapshot or part for each digest. */
async function findEntries(
  {bucket, readManifest}: RepairedPlace,
  wanted: ReadonlySet<Digest>,
  signal: AbortSignal,
): Promise<ReadonlyMap<Digest, FileEntry>> {
  const found = new Map<Digest, FileEntry>();
  if (wanted.size === 0) return found;
  const names = [...(await bucket.list('records/', signal)), ...(await bucket.list('parts/', signal))];
  for (const id of new Set(names.map((name) => name.slice(0, 64) as SnapshotId))) {
    // One that is lost itself was told as such.
    const manifest = await readManifest(id).catch(passLost);
    for (const entry of manifest?.entries ?? []) if (entry.kind === 'file' && wanted.has(entry.digest)) found.set(entry.digest, entry);
  }
  return found;
}

function passLost(error: unknown): undefined {
  if (error instanceof DroverError && (error.code === 'integrity' || error.code === 'not-found')) return undefined;
  throw error;
}

/** Says of each bad copy in the bucket that it is bad. */
async function markBad(
  {bucket, known, hold: {check}}: RepairedPlace,
  objects: readonly NeededObject[],
  signal: AbortSignal,
): Promise<void> {
  const [places, large] = [await known.readPlaces(signal), await known.readLarge(signal)];
  for (const object of objects) {
    const {digest} = object;
    for (const place of places.get(digest) ?? []) {
      const [bad] = await fetchSmall(bucket, new Map([[digest, [place]]]), [object], {take: () => undefined}, signal);
      if (bad !== undefined) await bucket.replace(`quarantine/${nameQuarantined(digest, place.pack)}`, empty, signal, check);
    }
    if (large.has(digest) && (await checkLarge(bucket, object, signal)) !== undefined)
      await bucket.replace(`quarantine/${nameQuarantined(digest, undefined)}`, empty, signal, check);
  }
}

/** Brings what this machine or the trees have into what was fetched. */
async function gather(
  {own, fetched}: Sources,
  objects: readonly NeededObject[],
  roots: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  await putBadAside(fetched, objects, signal);
  const here = ObjectCatalog.load(fetched);
  const writer = new ObjectWriter(fetched, (digest, size) => here.has(digest, size));
  try {
    const lacking = objects.filter(({digest, size}) => !here.has(digest, size));
    const rest = await copyObjects(own, {fetched, writer}, lacking, signal);
    const wanted = new Map<number, Set<Digest>>();
    for (const {digest, size} of rest) wanted.set(size, (wanted.get(size) ?? new Set<Digest>()).add(digest));
    if (rest.length > 0) for (const root of roots) await searchTree(root, {wanted, writer, signal});
    writer.finish();
  } finally {
    writer.abort();
    here.close();
  }
}

async function putBadAside(layout: StoreLayout, objects: readonly NeededObject[], signal: AbortSignal): Promise<void> {
  const catalog = ObjectCatalog.load(layout);
  try {
    for (const object of objects) {
      const damage = await checkObject({catalog, ...object}, signal);
      if (damage !== undefined && damage.why !== 'missing') setAside(layout, damage);
    }
  } finally {
    catalog.close();
  }
}

async function findWhole({fetched}: Sources, entries: readonly FileEntry[], signal: AbortSignal): Promise<readonly FileEntry[]> {
  const catalog = ObjectCatalog.load(fetched);
  try {
    const whole: FileEntry[] = [];
    for (const entry of entries) if ((await checkObject({catalog, ...entry}, signal)) === undefined) whole.push(entry);
    return whole;
  } finally {
    catalog.close();
  }
}

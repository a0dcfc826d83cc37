import {hash} from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import {setImmediate as yieldToOthers} from 'node:timers/promises';
import {hashFile} from './delta.js';
import {listIfThere, syncDirectory} from './durable-file.js';
import {readErrorCode} from './error-code.js';
import type {Digest, SnapshotId} from './manifest.js';
import {ObjectCatalog} from './object-catalog.js';
import {checkObject} from './object-reader.js';
import {largeFileBytes, ObjectWriter} from './object-writer.js';
import {tryReadManifest} from './read-manifest.js';
import type {DamagedObject} from './store.js';
import type {StoreLayout} from './store-layout.js';

export interface Repair {
  readonly repaired: readonly DamagedObject[];
  /** What no source held; manifests and records among it were put aside. */
  readonly lost: readonly DamagedObject[];
}

export interface RepairOptions {
  readonly layout: StoreLayout;
  /** What a verification found. */
  readonly damaged: readonly DamagedObject[];
  /** Trees that may hold the same bytes, under whatever name. */
  readonly roots: readonly string[];
  readonly signal: AbortSignal;
}

/**
 * Brings damaged or missing objects back from source trees: every file of the right size is read, and taken when its digest is one that is
 * wanted. Deltas are removed, since they are built again when somebody wants them. Only while nobody prunes.
 */
export async function repairStore({layout, damaged, roots, signal}: RepairOptions): Promise<Repair> {
  const files = damaged.filter(({file}) => file !== undefined);
  const objects = damaged.filter(({file}) => file === undefined);
  const gone = new Set(files.filter((each) => !clearFile(layout, each)));
  const wanted = findSizes(layout, new Set(objects.map(({digest}) => digest)));
  const catalog = ObjectCatalog.load(layout);
  const writer = new ObjectWriter(layout, (digest, size) => catalog.has(digest, size));
  try {
    for (const root of roots) await searchTree(root, {wanted, writer, signal});
    writer.finish();
  } finally {
    writer.abort();
    catalog.close();
  }
  for (const object of await findBad(layout, objects, wanted, signal)) gone.add(object);
  return {repaired: damaged.filter((each) => !gone.has(each)), lost: damaged.filter((each) => gone.has(each))};
}

/** True when nothing is lost with the file. */
function clearFile(layout: StoreLayout, {file = ''}: DamagedObject): boolean {
  const place = path.join(layout.root, file);
  if (file.startsWith('deltas/')) {
    for (const name of [place, `${place}.json`]) fs.rmSync(name, {force: true});
    return true;
  }
  if (fs.lstatSync(place, {throwIfNoEntry: false}) !== undefined) {
    fs.renameSync(place, path.join(layout.folder('quarantine'), `${path.basename(file)}.${file.split('/')[0]}`));
    syncDirectory(path.dirname(place));
  }
  return false;
}

/** Wanted digests by the size of their files. */
export type Sizes = ReadonlyMap<number, ReadonlySet<Digest>>;

/** The wanted digests by the size of their files. */
function findSizes(layout: StoreLayout, digests: ReadonlySet<Digest>): Sizes {
  const sizes = new Map<number, Set<Digest>>();
  if (digests.size === 0) return sizes;
  for (const id of listIfThere(layout.folder('snapshots'))) {
    for (const entry of tryReadManifest(layout, id as SnapshotId)?.entries ?? []) {
      if (entry.kind !== 'file' || !digests.has(entry.digest)) continue;
      sizes.set(entry.size, (sizes.get(entry.size) ?? new Set()).add(entry.digest));
    }
  }
  return sizes;
}

interface Search {
  readonly wanted: Sizes;
  readonly writer: ObjectWriter;
  readonly signal: AbortSignal;
}

/** Links are not followed; what cannot be read is passed over: it is not the source that is being judged. */
export async function searchTree(root: string, search: Search): Promise<void> {
  const folders = [root];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    search.signal.throwIfAborted();
    await yieldToOthers();
    for (const entry of ignoreFailure(() => fs.readdirSync(folder ?? root, {withFileTypes: true})) ?? []) {
      const place = path.join(folder, entry.name);
      if (entry.isDirectory()) folders.push(place);
      else if (entry.isFile()) await tryFile(place, search);
    }
  }
}

async function tryFile(file: string, {wanted, writer, signal}: Search): Promise<void> {
  const stat = fs.lstatSync(file, {throwIfNoEntry: false});
  const digests = stat?.isFile() === true ? wanted.get(stat.size) : undefined;
  if (stat === undefined || digests === undefined) return;
  if (stat.size < largeFileBytes) {
    const bytes = ignoreFailure(() => fs.readFileSync(file));
    const digest = bytes === undefined ? undefined : (hash('sha256', bytes, 'hex') as Digest);
    if (bytes !== undefined && digest !== undefined && digests.has(digest)) writer.take(digest, bytes);
    return;
  }
  const found = await hashFile(file, signal);
  if (found !== undefined && digests.has(found.digest)) await writer.takeLarge(file, stat, signal);
}

/** Which of the objects still cannot be read. */
async function findBad(
  layout: StoreLayout,
  objects: readonly DamagedObject[],
  wanted: Sizes,
  signal: AbortSignal,
): Promise<readonly DamagedObject[]> {
  const catalog = ObjectCatalog.load(layout);
  try {
    const bad: DamagedObject[] = [];
    for (const object of objects) {
      const isWanted = [...wanted.values()].some((digests) => digests.has(object.digest));
      if (!isWanted || (await checkObject({catalog, digest: object.digest}, signal)) !== undefined) bad.push(object);
    }
    return bad;
  } finally {
    catalog.close();
  }
}

function ignoreFailure<Result>(read: () => Result): Result | undefined {
  try {
    return read();
  } catch (error) {
    if (readErrorCode(error) === undefined) throw error;
    return undefined;
  }
}

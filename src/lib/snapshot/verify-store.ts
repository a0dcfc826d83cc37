import path from 'node:path';
import {DroverError} from '../errors/drover-error.js';
import {findDelta, nameDelta, parseDeltaName} from './delta.js';
import {listIfThere} from './durable-file.js';
import type {Digest, Manifest, SnapshotId} from './manifest.js';
import type {ObjectCatalog} from './object-catalog.js';
import {checkObject} from './object-reader.js';
import {setAside} from './quarantine.js';
import {readManifest} from './read-manifest.js';
import {readSealed} from './records.js';
import type {DamagedObject} from './store.js';
import type {StoreLayout} from './store-layout.js';

const maxPaths = 5;

export interface VerifyOptions {
  readonly layout: StoreLayout;
  readonly catalog: ObjectCatalog;
  readonly signal: AbortSignal;
}

/** Reads every object that the manifests need; bad copies go into quarantine, so that the next snapshot stores them anew. */
export async function verifyObjects(
  {layout, catalog, signal}: VerifyOptions,
  manifests: readonly Manifest[],
): Promise<readonly DamagedObject[]> {
  const needed = new Map<Digest, {readonly size: number; readonly paths: string[]}>();
  for (const {entries} of manifests) {
    for (const entry of entries) {
      if (entry.kind !== 'file') continue;
      const need = needed.get(entry.digest);
      if (need === undefined) needed.set(entry.digest, {size: entry.size, paths: [entry.path]});
      else if (need.paths.length < maxPaths && !need.paths.includes(entry.path)) need.paths.push(entry.path);
    }
  }
  const damaged: DamagedObject[] = [];
  try {
    for (const [digest, {size, paths}] of needed) {
      const damage = await checkObject({catalog, digest, size}, signal);
      if (damage === undefined) continue;
      setAside(layout, damage);
      damaged.push({digest, why: damage.why, paths});
    }
  } finally {
    catalog.close();
  }
  return damaged;
}

/** As `verifyObjects` for all snapshots; manifests, records and deltas that were altered are listed under their own files. */
export async function verifyAll(options: VerifyOptions): Promise<readonly DamagedObject[]> {
  const {layout} = options;
  const damaged: DamagedObject[] = [];
  const manifests: Manifest[] = [];
  for (const name of listIfThere(layout.folder('snapshots'))) {
    const manifest = judge(() => readManifest(layout, name as SnapshotId));
    if (typeof manifest === 'string') damaged.push(damagedFile(name, `snapshots/${name}`, manifest));
    else manifests.push(manifest);
  }
  const known = new Set(manifests.map(({id}) => id).concat(damaged.map(({digest}) => digest as string as SnapshotId)));
  for (const name of listIfThere(layout.folder('records'))) {
    const record = judge(() => ({value: readSealed(path.join(layout.folder('records'), name))}));
    if (typeof record === 'string') damaged.push(damagedFile(name, `records/${name}`, record));
    const id = name.slice(0, 64) as SnapshotId;
    if (!known.has(id)) damaged.push(damagedFile(id, `snapshots/${id}`, 'missing'));
    known.add(id);
  }
  damaged.push(...(await verifyDeltas(options)));
  return [...damaged, ...(await verifyObjects(options, manifests))];
}

async function verifyDeltas({layout, signal}: VerifyOptions): Promise<readonly DamagedObject[]> {
  const damaged: DamagedObject[] = [];
  for (const name of listIfThere(layout.folder('deltas'))) {
    const key = parseDeltaName(name);
    if (key === undefined || key.isRecord || (await findDelta(layout, key, signal)) !== undefined) continue;
    damaged.push(damagedFile(key.snapshot, path.relative(layout.root, nameDelta(layout, key))));
  }
  return damaged;
}

function damagedFile(name: string, file: string, why: DamagedObject['why'] = 'altered'): DamagedObject {
  return {digest: name.slice(0, 64) as Digest, why, paths: [file], file};
}

/** What was read, or what is wrong with it. */
function judge<Content extends object>(read: () => Content): Content | 'altered' | 'unreadable' {
  try {
    return read();
  } catch (error) {
    if (error instanceof DroverError) return error.code === 'invalid-file' ? 'unreadable' : 'altered';
    throw error;
  }
}

import fs from 'node:fs';
import path from 'node:path';
import {parseDeltaName} from './delta.js';
import {listIfThere} from './durable-file.js';
import {sortSnapshots} from './kept-snapshots.js';
import type {Digest, SnapshotId} from './manifest.js';
import {ObjectCatalog, type Pack} from './object-catalog.js';
import {ObjectWriter} from './object-writer.js';
import {listParts, removeParts} from './part-files.js';
import {chooseOld, type PrunePolicy} from './prune-policy.js';
import {markLost, nameQuarantined, setAside} from './quarantine.js';
import {readManifest} from './read-manifest.js';
import {listRecords, nameRecord} from './records.js';
import type {SnapshotRecord} from './store.js';
import type {StoreLayout} from './store-layout.js';
import {holdStore} from './store-lock.js';

export interface PruneOptions extends PrunePolicy {
  /** Says what would go, and removes nothing. */
  readonly dryRun?: boolean;
  readonly now: () => number;
  readonly signal: AbortSignal;
}

export interface Pruned {
  /** Records that go, or would; the same tree may stay under another app's name. */
  readonly records: readonly SnapshotRecord[];
  readonly removed: readonly SnapshotId[];
  readonly kept: readonly SnapshotId[];
  /** How much smaller the store is, or would be at least. */
  readonly freedBytes: number;
  /** Of a bucket: what nothing needs and stays all the same, since it is young or shares a pack with what is needed. */
  readonly unneededBytes?: number;
  /** Of a bucket: how much smaller the directory of this machine is, or would be at least. */
  readonly localFreedBytes?: number;
}

const lockWaitMs = 10_000;
/** A pack of which less than this share is needed is written anew. */
const fullShare = 0.5;
const smallPackBytes = 1024 * 1024;
/** So many small packs become one. */
const maxSmallPacks = 16;

/**
 * Removes what no kept snapshot needs. Refuses while somebody saves (`refused`), and before it removes anything when a kept
 * manifest cannot be read (`integrity`). Killed at any point, it leaves a valid store with some of the rest in it.
 */
export function pruneStore(layout: StoreLayout, options: PruneOptions): Promise<Pruned> {
  const {now, signal} = options;
  return layout.guard(async () => {
    // A policy that makes no sense is refused before anything is made.
    chooseOld([], options, now());
    if (!layout.isInitialised()) return {records: [], removed: [], kept: [], freedBytes: 0};
    layout.prepare(now());
    return holdStore({directory: layout.folder('locks'), kind: 'prune', now, waitMs: lockWaitMs, signal}, async () =>
      prune(layout, options),
    );
  });
}

function prune(layout: StoreLayout, options: PruneOptions): Pruned {
  const {now, signal, dryRun = false} = options;
  const records = listRecords(layout);
  const manifests = listIfThere(layout.folder('snapshots')) as SnapshotId[];
  const {old, kept, removed} = sortSnapshots({records, parts: listParts(layout), manifests}, options, now());
  const live = collectLive(layout, kept);
  signal.throwIfAborted();
  if (dryRun) return {records: old, removed, kept, freedBytes: estimate(layout, removed, live)};
  const before = measure(layout.root);
  for (const {app, id} of old) fs.rmSync(nameRecord(layout, app, id), {force: true});
  for (const id of removed) fs.rmSync(layout.snapshot(id), {force: true});
  removeParts(layout, new Set(kept));
  removeDeltas(layout, new Set(kept));
  prunePacks(layout, live, signal);
  pruneLarge(layout, live);
  clearQuarantine(layout, live);
  return {records: old, removed, kept, freedBytes: Math.max(0, before - measure(layout.root))};
}

/** What manifests, packs and large objects would give back; deltas and indexes of packs come on top. */
function estimate(layout: StoreLayout, removed: readonly SnapshotId[], live: ReadonlySet<Digest>): number {
  const sizeOf = (file: string): number => fs.statSync(file, {throwIfNoEntry: false})?.size ?? 0;
  let bytes = removed.reduce((sum, id) => sum + sizeOf(layout.snapshot(id)), 0);
  const [rewritten] = choosePacks(ObjectCatalog.load(layout).packs, live, new Set(listIfThere(layout.folder('quarantine'))));
  for (const pack of rewritten) {
    bytes += pack.bytes;
    for (const {digest, length} of pack.objects) if (live.has(digest)) bytes -= length;
  }
  for (const digest of listLarge(layout)) if (!live.has(digest)) bytes += sizeOf(layout.object(digest));
  return Math.max(0, bytes);
}

function partition<Item>(items: readonly Item[], test: (item: Item) => boolean): [Item[], Item[]] {
  return [items.filter(test), items.filter((item) => !test(item))];
}

function collectLive(layout: StoreLayout, kept: readonly SnapshotId[]): ReadonlySet<Digest> {
  const live = new Set<Digest>();
  for (const id of kept) {
    for (const entry of readManifest(layout, id).entries) if (entry.kind === 'file') live.add(entry.digest);
  }
  return live;
}

function removeDeltas(layout: StoreLayout, kept: ReadonlySet<string>): void {
  for (const name of listIfThere(layout.folder('deltas'))) {
    const key = parseDeltaName(name);
    if (key !== undefined && kept.has(key.snapshot) && (key.base === undefined || kept.has(key.base))) continue;
    fs.rmSync(path.join(layout.folder('deltas'), name), {force: true});
  }
}

function prunePacks(layout: StoreLayout, live: ReadonlySet<Digest>, signal: AbortSignal): void {
  const catalog = ObjectCatalog.load(layout);
  // What is said of bad copies goes with their packs.
  for (const digest of live) if (catalog.find(digest) === undefined) markLost(layout, digest);
  const quarantined = new Set(listIfThere(layout.folder('quarantine')));
  const [rewritten, whole] = choosePacks(catalog.packs, live, quarantined);
  const elsewhere = new Set<Digest>();
  for (const {objects, bytes} of whole) for (const {digest, offset, length} of objects) if (offset + length <= bytes) elsewhere.add(digest);
  const writer = new ObjectWriter(layout, (digest) => elsewhere.has(digest));
  try {
    const done = rewritten.filter((pack) => moveLive(layout, pack, {catalog, live, writer, signal}));
    const fresh = writer.finish();
    for (const {id, file} of done) {
      if (id === fresh) continue;
      fs.rmSync(path.join(layout.folder('packs'), `${id}.idx`), {force: true});
      fs.rmSync(file, {force: true});
    }
  } finally {
    writer.abort();
    catalog.close();
  }
  removeNameless(layout);
}

/** Packs to write anew, and packs that stay as they are. */
function choosePacks(packs: readonly Pack[], live: ReadonlySet<Digest>, quarantined: ReadonlySet<string>): [Pack[], Pack[]] {
  const small = packs.filter(({bytes}) => bytes < smallPackBytes);
  return partition(packs, (pack) => {
    let liveBytes = 0;
    let isNeeded = false;
    let hasBad = false;
    for (const {digest, length} of pack.objects) {
      hasBad ||= quarantined.has(nameQuarantined(digest, pack.id));
      if (!live.has(digest)) continue;
      isNeeded = true;
      liveBytes += length;
    }
    return !isNeeded || hasBad || liveBytes < pack.bytes * fullShare || (small.length > maxSmallPacks && small.includes(pack));
  });
}

interface Move {
  readonly catalog: ObjectCatalog;
  readonly live: ReadonlySet<Digest>;
  readonly writer: ObjectWriter;
  readonly signal: AbortSignal;
}

/** Copies what is needed of a pack; false when a part of it turned out bad: then the pack stays. */
function moveLive(layout: StoreLayout, pack: Pack, {catalog, live, writer, signal}: Move): boolean {
  let isWhole = true;
  for (const object of pack.objects) {
    signal.throwIfAborted();
    if (!live.has(object.digest)) continue;
    const place = catalog.find(object.digest);
    if (place?.kind !== 'packed') continue;
    const result = catalog.readPacked(place);
    if (result.kind === 'bytes') {
      writer.take(object.digest, result.bytes);
    } else {
      setAside(layout, result.damage);
      isWhole = false;
    }
  }
  return isWhole;
}

/** A pack without an index was left by a kill: nobody saves now, so nobody is about to name it. */
function removeNameless(layout: StoreLayout): void {
  const names = listIfThere(layout.folder('packs'));
  for (const name of names) {
    if (name.endsWith('.pack') && !names.includes(`${name.slice(0, -5)}.idx`))
      fs.rmSync(path.join(layout.folder('packs'), name), {force: true});
  }
}

function listLarge(layout: StoreLayout): readonly Digest[] {
  return listIfThere(layout.folder('objects')).flatMap((folder) => listIfThere(path.join(layout.folder('objects'), folder)) as Digest[]);
}

function pruneLarge(layout: StoreLayout, live: ReadonlySet<Digest>): void {
  for (const digest of listLarge(layout)) if (!live.has(digest)) fs.rmSync(layout.object(digest), {force: true, recursive: true});
}

/** What is said of copies that are gone, or of lost objects that nothing needs, is forgotten. */
function clearQuarantine(layout: StoreLayout, live: ReadonlySet<Digest>): void {
  for (const name of listIfThere(layout.folder('quarantine'))) {
    const [digest = '', where = ''] = name.split('.');
    const isOfPack = /^[0-9a-f]{64}$/.test(where);
    const pack = path.join(layout.folder('packs'), `${where}.idx`);
    if (isOfPack ? fs.existsSync(pack) : live.has(digest as Digest)) continue;
    fs.rmSync(path.join(layout.folder('quarantine'), name), {force: true, recursive: true});
  }
}

function measure(directory: string): number {
  let bytes = 0;
  for (const entry of fs.readdirSync(directory, {withFileTypes: true, recursive: true})) {
    if (entry.isFile()) bytes += fs.statSync(path.join(entry.parentPath, entry.name), {throwIfNoEntry: false})?.size ?? 0;
  }
  return bytes;
}

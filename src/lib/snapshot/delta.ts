import {createHash} from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import {Readable} from 'node:stream';
import {pipeline} from 'node:stream/promises';
import {DroverError} from '../errors/drover-error.js';
import {type DeltaContent, packDelta} from './delta-archive.js';
import {type Encoding, encode} from './delta-encoding.js';
import {nameTemporary, publish} from './durable-file.js';
import {readErrorCode} from './error-code.js';
import type {Digest, SnapshotId} from './manifest.js';
import {compareLines} from './manifest-lines.js';
import {parseLine} from './manifest-text.js';
import type {ObjectCatalog} from './object-catalog.js';
import {readManifest, readManifestText} from './read-manifest.js';
import {readSealed, writeSealed} from './records.js';
import type {Delta} from './store.js';
import type {StoreLayout} from './store-layout.js';

/** What is kept beside a delta file. */
export type DeltaRecord = Omit<Delta, 'path'>;

/** Which delta is meant: one file for each. */
export interface DeltaKey {
  readonly base: SnapshotId | undefined;
  readonly snapshot: SnapshotId;
  readonly encoding: Encoding;
}

const extensions = {gzip: 'tgz', zstd: 'tzst'} as const;

export function nameDelta(layout: StoreLayout, {base, snapshot, encoding}: DeltaKey): string {
  return path.join(layout.folder('deltas'), `${base ?? 'none'}-${snapshot}.${extensions[encoding]}`);
}

/** The opposite of `nameDelta`, of the file's own name; also for the record beside it. */
export function parseDeltaName(name: string): (DeltaKey & {readonly isRecord: boolean}) | undefined {
  const [, base, snapshot, extension, record] = /^(none|[0-9a-f]{64})-([0-9a-f]{64})\.(tgz|tzst)(\.json)?$/.exec(name) ?? [];
  if (base === undefined || snapshot === undefined) return undefined;
  return {
    base: base === 'none' ? undefined : (base as SnapshotId),
    snapshot: snapshot as SnapshotId,
    encoding: extension === 'tzst' ? 'zstd' : 'gzip',
    isRecord: record !== undefined,
  };
}

/** The SHA-256 and size of a file; undefined when it is not there, or the disk fails under it. */
export async function hashFile(file: string, signal: AbortSignal): Promise<{readonly digest: Digest; readonly bytes: number} | undefined> {
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    for await (const piece of fs.createReadStream(file, {highWaterMark: 1024 * 1024}) as AsyncIterable<Buffer>) {
      signal.throwIfAborted();
      hash.update(piece);
      bytes += piece.length;
    }
  } catch (error) {
    if (['ENOENT', 'EIO'].includes(readErrorCode(error) ?? '')) return undefined;
    throw error;
  }
  return {digest: hash.digest('hex') as Digest, bytes};
}

/** A delta that was built before, when its file still has the digest that was recorded. */
export async function findDelta(layout: StoreLayout, key: DeltaKey, signal: AbortSignal): Promise<Delta | undefined> {
  const file = nameDelta(layout, key);
  const record = readDeltaRecord(`${file}.json`);
  if (record === undefined) return undefined;
  const found = await hashFile(file, signal);
  return found?.digest === record.digest ? {...record, path: file} : undefined;
}

/** Damage of a record, or one of an older drover, costs building the delta again, nothing else. */
function readDeltaRecord(file: string): DeltaRecord | undefined {
  try {
    const record = readSealed(file) as Partial<DeltaRecord> | undefined;
    return record?.archiveBytes === undefined ? undefined : (record as DeltaRecord);
  } catch (error) {
    if (readErrorCode(error) === undefined && !(error instanceof DroverError)) throw error;
    return undefined;
  }
}

export interface BuildDeltaOptions extends DeltaKey {
  readonly layout: StoreLayout;
  readonly catalog: ObjectCatalog;
  readonly signal: AbortSignal;
}

/** Builds a delta and keeps it. Two that build the same one write the same bytes, and the last one to finish is kept. */
export async function buildDelta({layout, catalog, base, snapshot, encoding, signal}: BuildDeltaOptions): Promise<Delta> {
  const content = readContent(layout, base, snapshot);
  const file = nameDelta(layout, {base, snapshot, encoding});
  const temporary = nameTemporary(layout.folder('deltas'));
  try {
    const written = await writeArchive(temporary, packDelta({layout, catalog, content, signal}), {encoding, signal});
    publish(temporary, file);
    const record: DeltaRecord = {...(base === undefined ? {} : {base}), snapshot, encoding, ...written, ...countDelta(content)};
    writeSealed(`${file}.json`, record);
    return {...record, path: file};
  } finally {
    fs.rmSync(temporary, {force: true});
    catalog.close();
  }
}

/** The difference of two manifests that are what their ids say; only the lines that differ are parsed. */
function readContent(layout: StoreLayout, base: SnapshotId | undefined, snapshot: SnapshotId): DeltaContent {
  if (base === undefined) return {hasBase: false, gone: [], fresh: readManifest(layout, snapshot).entries};
  const {gone, fresh} = compareLines(readManifestText(layout, base), readManifestText(layout, snapshot));
  return {hasBase: true, gone: gone.map((line) => parseLine(line)), fresh: fresh.map((line) => parseLine(line))};
}

/** File systems give space in blocks, and one for each directory and link at least. */
const blockBytes = 4096;

function countDelta({gone, fresh}: DeltaContent): Pick<Delta, 'files' | 'removed' | 'unpackedBytes'> {
  let files = 0;
  let blocks = 0;
  for (const entry of fresh) {
    if (entry.kind === 'file') files += 1;
    blocks += entry.kind === 'file' ? Math.ceil(entry.size / blockBytes) : 1;
  }
  return {files, removed: gone.length, unpackedBytes: blocks * blockBytes};
}

async function writeArchive(
  file: string,
  archive: AsyncIterable<Buffer>,
  {encoding, signal}: {readonly encoding: Encoding; readonly signal: AbortSignal},
): Promise<Pick<Delta, 'digest' | 'bytes' | 'archiveBytes'>> {
  const hash = createHash('sha256');
  let bytes = 0;
  let archiveBytes = 0;
  // Opened before anything can fail: a file that is still being opened then would appear after it was removed.
  const target = await fs.promises.open(file, 'wx');
  await pipeline(
    Readable.from(archive, {objectMode: false}),
    async function* (pieces: AsyncIterable<Buffer>) {
      for await (const piece of pieces) {
        archiveBytes += piece.length;
        yield piece;
      }
    },
    encode(encoding),
    async function* (pieces: AsyncIterable<Buffer>) {
      for await (const piece of pieces) {
        hash.update(piece);
        bytes += piece.length;
        yield piece;
      }
    },
    target.createWriteStream({flush: true}),
    {signal},
  ).catch((error: unknown) => {
    signal.throwIfAborted();
    throw error;
  });
  return {digest: hash.digest('hex') as Digest, bytes, archiveBytes};
}

import {createHash} from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import {Readable} from 'node:stream';
import {pipeline} from 'node:stream/promises';
import {createGzip} from 'node:zlib';
import {DroverError} from '../errors/drover-error.js';
import {compareTrees, type DeltaContent, packDelta} from './delta-archive.js';
import {nameTemporary, publish} from './durable-file.js';
import {readErrorCode} from './error-code.js';
import type {Digest, SnapshotId} from './manifest.js';
import type {ObjectCatalog} from './object-catalog.js';
import {readManifest} from './read-manifest.js';
import {readSealed, writeSealed} from './records.js';
import type {Delta} from './store.js';
import type {StoreLayout} from './store-layout.js';

/** What is kept beside a delta file. */
export type DeltaRecord = Omit<Delta, 'path'>;

/** Deltas travel over the wire: level 6, as gzip itself. */
const compressionLevel = 6;

export function nameDelta(layout: StoreLayout, base: SnapshotId | undefined, snapshot: SnapshotId): string {
  return path.join(layout.folder('deltas'), `${base ?? 'none'}-${snapshot}.tgz`);
}

/** The SHA-256 and size of a file; undefined when it is not there. */
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
    if (readErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  return {digest: hash.digest('hex') as Digest, bytes};
}

/** A delta that was built before, when its file still has the digest that was recorded. */
export async function findDelta(
  layout: StoreLayout,
  base: SnapshotId | undefined,
  snapshot: SnapshotId,
  signal: AbortSignal,
): Promise<Delta | undefined> {
  const file = nameDelta(layout, base, snapshot);
  const record = readDeltaRecord(`${file}.json`);
  if (record === undefined) return undefined;
  const found = await hashFile(file, signal);
  return found?.digest === record.digest ? {...record, path: file} : undefined;
}

/** Damage of a record costs building the delta again, nothing else. */
function readDeltaRecord(file: string): DeltaRecord | undefined {
  try {
    return readSealed(file) as DeltaRecord | undefined;
  } catch (error) {
    if (readErrorCode(error) === undefined && !(error instanceof DroverError)) throw error;
    return undefined;
  }
}

export interface BuildDeltaOptions {
  readonly layout: StoreLayout;
  readonly catalog: ObjectCatalog;
  readonly base: SnapshotId | undefined;
  readonly snapshot: SnapshotId;
  readonly signal: AbortSignal;
}

/** Builds a delta and keeps it. Two that build the same one write the same bytes, and the last one to finish is kept. */
export async function buildDelta({layout, catalog, base, snapshot, signal}: BuildDeltaOptions): Promise<Delta> {
  const content = compareTrees(base === undefined ? undefined : readManifest(layout, base), readManifest(layout, snapshot));
  const file = nameDelta(layout, base, snapshot);
  const temporary = nameTemporary(layout.folder('deltas'));
  try {
    const written = await writeArchive(temporary, packDelta({layout, catalog, content, signal}), signal);
    publish(temporary, file);
    const record: DeltaRecord = {...(base === undefined ? {} : {base}), snapshot, ...written, ...countDelta(content)};
    writeSealed(`${file}.json`, record);
    return {...record, path: file};
  } finally {
    fs.rmSync(temporary, {force: true});
    catalog.close();
  }
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
  signal: AbortSignal,
): Promise<{readonly digest: Digest; readonly bytes: number}> {
  const hash = createHash('sha256');
  let bytes = 0;
  await pipeline(
    Readable.from(archive, {objectMode: false}),
    createGzip({level: compressionLevel, chunkSize: 64 * 1024}),
    async function* (pieces: AsyncIterable<Buffer>) {
      for await (const piece of pieces) {
        hash.update(piece);
        bytes += piece.length;
        yield piece;
      }
    },
    fs.createWriteStream(file, {flags: 'wx', flush: true}),
    {signal},
  ).catch((error: unknown) => {
    signal.throwIfAborted();
    throw error;
  });
  return {digest: hash.digest('hex') as Digest, bytes};
}

import {mkdir, rm, writeFile} from 'node:fs/promises';
import path from 'node:path';
import type {Bucket, OpenBucketOptions} from '../../src/lib/snapshot/bucket.js';
import {BucketCredentials, type BucketKeys} from '../../src/lib/snapshot/bucket-credentials.js';
import {BucketClient, bodyOf} from '../../src/lib/snapshot/bucket-exchange.js';
import {openBucketStore} from '../../src/lib/snapshot/bucket-store.js';
import {type CreatedSnapshot, type CreateSnapshotOptions, createSnapshot} from '../../src/lib/snapshot/create-snapshot.js';
import type {DirectoryStore} from '../../src/lib/snapshot/directory-store.js';
import {never} from '../snapshot/fixture.js';
import {type ObjectStore, ownerKeys} from './object-store.js';

export interface BucketOptions extends Partial<OpenBucketOptions> {
  readonly keys?: BucketKeys;
}

/** How one operator reaches a bucket. */
export function describeBucket(
  service: Pick<ObjectStore, 'endpoint'>,
  bucket: string,
  {keys = ownerKeys, ...more}: BucketOptions = {},
): OpenBucketOptions {
  return {
    endpoint: service.endpoint,
    region: 'us-east-1',
    bucket,
    prefix: 'shop',
    where: `s3://${bucket}/shop`,
    credentials: () => new BucketCredentials(keys),
    now: Date.now,
    random: () => 0,
    ...more,
  };
}

export async function makeBucket(service: ObjectStore, bucket: string): Promise<void> {
  const client = new BucketClient(describeBucket(service, bucket));
  const reply = await client.send({method: 'PUT', path: `/${bucket}`, body: bodyOf(Buffer.alloc(0)), signal: never});
  if (reply.kind === 'reply') reply.stream.resume();
}

export interface MachineOptions {
  /** See `OpenBucketStoreOptions`. */
  readonly graceMs?: number;
  /** What the store takes for the time of the machine. */
  readonly storeNow?: () => number;
}

/** One operator's machine: a folder with an empty home, and the store that its project names. */
export class BucketMachine {
  readonly store: DirectoryStore;

  constructor(
    readonly folder: string,
    readonly bucket: Bucket,
    {storeNow = Date.now, ...options}: MachineOptions = {},
  ) {
    const cache = path.join(folder, '.drover', 'store');
    this.store = openBucketStore({bucket, cache, now: storeNow, signal: never, ...options});
  }

  /** Takes a snapshot of a tree of these files. */
  async snap(
    files: Readonly<Record<string, string | Buffer>>,
    {labels = {}, signal = never, ...more}: Partial<Pick<CreateSnapshotOptions, 'labels' | 'signal' | 'embargoUntil'>> = {},
  ): Promise<CreatedSnapshot> {
    const source = path.join(this.folder, 'source');
    await rm(source, {recursive: true, force: true});
    for (const [name, content] of Object.entries(files)) {
      await mkdir(path.dirname(path.join(source, name)), {recursive: true});
      await writeFile(path.join(source, name), content);
    }
    return createSnapshot({...more, sizeChanged: true, source, app: 'shop', ignore: [], labels, store: this.store, now: Date.now, signal});
  }
}

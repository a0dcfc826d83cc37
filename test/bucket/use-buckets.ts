import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {afterAll, beforeAll, beforeEach} from 'vitest';
import {Bucket} from '../../src/lib/snapshot/bucket.js';
import {BucketMachine, type BucketOptions, describeBucket, type MachineOptions, makeBucket} from './bucket-machine.js';
import {type ObjectStore, startObjectStore} from './object-store.js';

/** A service for the tests of one file, a bucket for each of them, and as many machines as they want. */
export class Buckets {
  /** Of the test that runs. */
  bucket = '';
  #service: ObjectStore | undefined;
  #folder = '';
  #count = 0;

  get service(): ObjectStore {
    if (this.#service === undefined) throw new Error('the service runs inside tests only');
    return this.#service;
  }

  async start(): Promise<void> {
    this.#service = await startObjectStore();
    this.#folder = await mkdtemp(path.join(tmpdir(), 'drover-bucket-'));
  }

  async stop(): Promise<void> {
    await this.#service?.stop();
    if (this.#folder !== '') await rm(this.#folder, {recursive: true, force: true});
  }

  async next(): Promise<void> {
    this.#count += 1;
    this.bucket = `releases-${this.#count}`;
    await makeBucket(this.service, this.bucket);
  }

  open(options: BucketOptions = {}): Bucket {
    return new Bucket(describeBucket(this.service, this.bucket, options));
  }

  /** A machine with an empty home. */
  machine({graceMs, storeNow, ...options}: BucketOptions & MachineOptions = {}): BucketMachine {
    this.#count += 1;
    return new BucketMachine(path.join(this.#folder, `machine-${this.#count}`), this.open(options), {
      ...(graceMs === undefined ? {} : {graceMs}),
      ...(storeNow === undefined ? {} : {storeNow}),
    });
  }
}

export function useBuckets(): Buckets {
  const buckets = new Buckets();
  beforeAll(() => buckets.start());
  afterAll(() => buckets.stop());
  beforeEach(() => buckets.next());
  return buckets;
}

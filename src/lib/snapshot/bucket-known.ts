import {createHash} from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import {DroverError} from '../errors/drover-error.js';
import type {Bucket} from './bucket.js';
import {listIfThere, readIfThere, writeDurably} from './durable-file.js';
import type {Digest} from './manifest.js';
import {decodePackIndex} from './pack-index.js';
import {readSealed, sealText} from './records.js';
import type {SnapshotRecord} from './store.js';

/** Where a small object lies in the bucket. */
export interface RemotePlace {
  readonly pack: string;
  readonly offset: number;
  readonly length: number;
}

const concurrency = 8;

/** Runs `work` for each item, some at a time. The first failure ends it. */
export async function eachAtOnce<Item>(items: Iterable<Item>, atOnce: number, work: (item: Item) => Promise<void>): Promise<void> {
  const left = items[Symbol.iterator]();
  let failed = false;
  const lane = async (): Promise<void> => {
    for (let step = left.next(); step.done !== true && !failed; step = left.next()) {
      try {
        await work(step.value);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({length: atOnce}, lane));
}

/** What this machine knows of a bucket: copies of its records and of the indexes of its packs, none of which ever changes. */
export class KnownBucket {
  constructor(
    private readonly bucket: Bucket,
    /** A folder of this machine, for this bucket alone. */
    private readonly folder: string,
  ) {}

  /** Where each small object lies, by digest. */
  async readPlaces(signal: AbortSignal): Promise<ReadonlyMap<Digest, readonly RemotePlace[]>> {
    const names = (await this.bucket.list('packs/', signal)).filter((name) => /^[0-9a-f]{64}\.idx$/.test(name));
    const places = new Map<Digest, RemotePlace[]>();
    await this.#copy('packs', names, (name, bytes) => void this.#decode(name, bytes), signal);
    for (const name of names) {
      const pack = name.slice(0, -4);
      const bytes = readIfThere(path.join(this.folder, 'packs', name));
      if (bytes === undefined) continue;
      for (const {digest, offset, length} of this.#decode(name, bytes)) {
        const place = {pack, offset, length};
        const others = places.get(digest);
        if (others === undefined) places.set(digest, [place]);
        else others.push(place);
      }
    }
    return places;
  }

  /** The digests of the large objects. */
  async readLarge(signal: AbortSignal): Promise<ReadonlySet<string>> {
    return new Set((await this.bucket.list('objects/', signal)).map((name) => name.slice(3)));
  }

  /** All records, and those that this machine saw in the bucket once and that are gone from it. */
  async readRecords(signal: AbortSignal): Promise<{readonly there: readonly SnapshotRecord[]; readonly gone: readonly SnapshotRecord[]}> {
    const names = (await this.bucket.list('records/', signal)).filter((name) => name.endsWith('.json'));
    const check = (name: string, bytes: Buffer): void => {
      if (createHash('sha256').update(bytes).digest('hex').slice(0, 16) !== name.split('.').at(-2))
        throw this.#refuseAltered(`records/${name}`);
    };
    await this.#copy('records', names, check, signal);
    const read = (name: string): SnapshotRecord => readSealed(path.join(this.folder, 'records', name)) as SnapshotRecord;
    const there = new Set(names);
    const lost = listIfThere(path.join(this.folder, 'records')).filter((name) => !there.has(name));
    return {there: names.map(read), gone: lost.map(read)};
  }

  /** Brings a record. Two that record the same tree leave two records, which are read as one. */
  async addRecord(record: SnapshotRecord, signal: AbortSignal): Promise<void> {
    const bytes = Buffer.from(sealText(record));
    const digest = createHash('sha256').update(bytes).digest('hex') as Digest;
    const name = `${record.id}.${record.app}.${digest.slice(0, 16)}.json`;
    await this.bucket.add(`records/${name}`, {bytes: bytes.length, digest, open: () => bytes}, signal);
  }

  /** Copies what is not here yet, after a look at it. */
  async #copy(
    kind: 'packs' | 'records',
    names: readonly string[],
    check: (name: string, bytes: Buffer) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const folder = path.join(this.folder, kind);
    fs.mkdirSync(folder, {recursive: true});
    const here = new Set(listIfThere(folder));
    await eachAtOnce(
      names.filter((name) => !here.has(name)),
      concurrency,
      async (name) => {
        const bytes = await this.bucket.get(`${kind}/${name}`, signal);
        if (bytes === undefined) return;
        check(name, bytes);
        writeDurably(path.join(folder, name), bytes);
      },
    );
  }

  #decode(name: string, bytes: Buffer): ReturnType<typeof decodePackIndex> {
    if (createHash('sha256').update(bytes).digest('hex') !== name.slice(0, -4)) throw this.#refuseAltered(`packs/${name}`);
    return decodePackIndex(bytes, `${this.bucket.where}/packs/${name}`);
  }

  #refuseAltered(key: string): DroverError {
    return new DroverError({
      code: 'integrity',
      message: `${this.bucket.where}/${key} was altered: its digest does not match its name`,
      fix: 'delete it from the bucket, then take the snapshots again',
    });
  }
}

import {createHash} from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import {DroverError} from '../errors/drover-error.js';
import type {Bucket} from './bucket.js';
import type {BucketHold} from './bucket-lock.js';
import {listIfThere, readIfThere, writeDurably} from './durable-file.js';
import type {Digest} from './manifest.js';
import {decodePackIndex, type PackedObject} from './pack-index.js';
import {nameQuarantined} from './quarantine.js';
import {readSealed, sealText} from './records.js';
import type {SnapshotRecord} from './store.js';

/** Where a small object lies in the bucket. */
export interface RemotePlace {
  readonly pack: string;
  readonly offset: number;
  readonly length: number;
}

type KnownKind = 'packs' | 'records';

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

  /** Where each small object lies, by digest; copies in quarantine are not there, nor is what the indexes in `without` name. */
  async readPlaces(signal: AbortSignal, without: ReadonlySet<string> = new Set()): Promise<ReadonlyMap<Digest, readonly RemotePlace[]>> {
    const quarantined = await this.readQuarantined(signal);
    const places = new Map<Digest, RemotePlace[]>();
    for (const [pack, objects] of await this.readPacks(signal, without)) {
      for (const {digest, offset, length} of objects) {
        if (quarantined.has(nameQuarantined(digest, pack))) continue;
        const place = {pack, offset, length};
        const others = places.get(digest);
        if (others === undefined) places.set(digest, [place]);
        else others.push(place);
      }
    }
    return places;
  }

  /** What each pack holds, in its order, by the id of the pack. */
  async readPacks(signal: AbortSignal, without: ReadonlySet<string> = new Set()): Promise<ReadonlyMap<string, readonly PackedObject[]>> {
    const names = (await this.bucket.list('packs/', signal)).filter((name) => /^[0-9a-f]{64}\.idx$/.test(name) && !without.has(name));
    const packs = new Map<string, readonly PackedObject[]>();
    for (const [name, bytes] of await this.#copy('packs', names, signal))
      packs.set(name.slice(0, -4), decodePackIndex(bytes, `${this.bucket.where}/packs/${name}`));
    return packs;
  }

  /** The digests of the large objects, but for those in quarantine. */
  async readLarge(signal: AbortSignal): Promise<ReadonlySet<string>> {
    const quarantined = await this.readQuarantined(signal);
    const digests = (await this.bucket.list('objects/', signal)).map((name) => name.slice(3) as Digest);
    return new Set(digests.filter((digest) => !quarantined.has(nameQuarantined(digest, undefined))));
  }

  /** The names of copies that are known to be bad (`nameQuarantined`), and of files that were put aside. */
  async readQuarantined(signal: AbortSignal): Promise<ReadonlySet<string>> {
    return new Set(await this.bucket.list('quarantine/', signal));
  }

  /** All records, and those that this machine saw in the bucket once and that are gone from it. */
  async readRecords(signal: AbortSignal): Promise<{readonly there: readonly SnapshotRecord[]; readonly gone: readonly SnapshotRecord[]}> {
    const files = await this.readRecordFiles(signal);
    const lost = listIfThere(path.join(this.folder, 'records')).filter((name) => !files.has(name));
    // What a copy of something that is gone has said cannot be asked again.
    this.forget(
      'records',
      lost.filter((name) => this.readCopy('records', name) === undefined),
    );
    const gone = lost.filter((name) => this.readCopy('records', name) !== undefined);
    return {there: [...files.values()], gone: gone.map((name) => this.#readRecord(name))};
  }

  /** All records by their names in the bucket; the same tree may have several. */
  async readRecordFiles(signal: AbortSignal): Promise<ReadonlyMap<string, SnapshotRecord>> {
    const names = (await this.bucket.list('records/', signal)).filter((name) => name.endsWith('.json'));
    const copies = await this.#copy('records', names, signal);
    return new Map(copies.map(([name]) => [name, this.#readRecord(name)]));
  }

  /** The copy of a record or an index that this machine has, if it is what its name says. */
  readCopy(kind: KnownKind, name: string): Buffer | undefined {
    const bytes = readIfThere(path.join(this.folder, kind, name));
    return bytes !== undefined && isNamedBy(kind, name, bytes) ? bytes : undefined;
  }

  /** Forgets copies of what was removed from the bucket on purpose. */
  forget(kind: KnownKind, names: Iterable<string>): void {
    for (const name of names) fs.rmSync(path.join(this.folder, kind, name), {force: true});
  }

  /** Which records and indexes in the bucket itself are not what their names say. */
  async findAltered(signal: AbortSignal): Promise<readonly string[]> {
    const altered: string[] = [];
    for (const kind of ['records', 'packs'] as const) {
      const names = (await this.bucket.list(`${kind}/`, signal)).filter((name) => /\.(json|idx)$/.test(name));
      await eachAtOnce(names, concurrency, async (name) => {
        const bytes = await this.bucket.get(`${kind}/${name}`, signal);
        if (bytes !== undefined && !isNamedBy(kind, name, bytes)) altered.push(`${kind}/${name}`);
      });
    }
    return altered.sort();
  }

  /** Brings a record. Two that record the same tree leave two records, which are read as one. */
  async addRecord(record: SnapshotRecord, {check}: BucketHold, signal: AbortSignal): Promise<void> {
    const bytes = Buffer.from(sealText(record));
    const digest = createHash('sha256').update(bytes).digest('hex') as Digest;
    const name = `${record.id}.${record.app}.${digest.slice(0, 16)}.json`;
    await this.bucket.add(`records/${name}`, {bytes: bytes.length, digest, open: () => bytes}, signal, check);
  }

  #readRecord(name: string): SnapshotRecord {
    return readSealed(path.join(this.folder, 'records', name)) as SnapshotRecord;
  }

  /** Copies what is not here yet, or is not here whole any more, after a look at it; gives what all of them hold, in the order of their names. */
  async #copy(
    kind: KnownKind,
    names: readonly string[],
    signal: AbortSignal,
  ): Promise<readonly (readonly [name: string, bytes: Buffer])[]> {
    const folder = path.join(this.folder, kind);
    fs.mkdirSync(folder, {recursive: true});
    const copies = new Map<string, Buffer>();
    await eachAtOnce(names, concurrency, async (name) => {
      const here = this.readCopy(kind, name);
      const bytes = here ?? (await this.bucket.get(`${kind}/${name}`, signal));
      if (bytes === undefined) return;
      if (here === undefined) {
        this.#check(kind, name, bytes);
        writeDurably(path.join(folder, name), bytes);
      }
      copies.set(name, bytes);
    });
    return names.flatMap((name) => {
      const bytes = copies.get(name);
      return bytes === undefined ? [] : [[name, bytes] as const];
    });
  }

  #check(kind: KnownKind, name: string, bytes: Buffer): void {
    if (isNamedBy(kind, name, bytes)) return;
    throw new DroverError({
      code: 'integrity',
      message: `${this.bucket.where}/${kind}/${name} was altered: its digest does not match its name`,
      fix: 'heal it, or put it aside: drover snapshot verify --repair',
    });
  }
}

function isNamedBy(kind: KnownKind, name: string, bytes: Buffer): boolean {
  const digest = createHash('sha256').update(bytes).digest('hex');
  return kind === 'packs' ? digest === name.slice(0, -4) : digest.slice(0, 16) === name.split('.').at(-2);
}

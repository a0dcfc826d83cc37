import {gzipSync} from 'node:zlib';
import type {Bucket} from './bucket.js';
import {type Body, bodyOf, bodyOfFile} from './bucket-exchange.js';
import type {KnownBucket} from './bucket-known.js';
import type {BucketHold} from './bucket-lock.js';
import {readIfThere} from './durable-file.js';
import type {Digest, Manifest} from './manifest.js';
import {ObjectCatalog} from './object-catalog.js';
import {readObject} from './object-reader.js';
import {encodePackIndex, namePack, type PackedObject} from './pack-index.js';
import {nameQuarantined} from './quarantine.js';
import type {SnapshotRecord} from './store.js';
import type {StoreLayout} from './store-layout.js';

export interface UploadOptions {
  readonly bucket: Bucket;
  readonly known: KnownBucket;
  /** Holds every object of the manifest. */
  readonly layout: StoreLayout;
  readonly manifest: Manifest;
  readonly record: SnapshotRecord;
  /** Nobody prunes while it is held. */
  readonly hold: BucketHold;
  readonly signal: AbortSignal;
}

/** A pack of the bucket is sent from memory, so that another try costs no disk, and so many are on their way at once. */
const packBytes = 16 * 1024 * 1024;
const atOnce = 3;

/**
 * Brings what the bucket lacks of a snapshot: objects, then the manifest, then the record, so that whatever is listed is there. Everything
 * is named by its content and added, never replaced: two operators at once both keep what they brought.
 */
export async function uploadSnapshot(options: UploadOptions): Promise<void> {
  const {bucket, known, layout, manifest, record, hold, signal} = options;
  await uploadObjects(options, manifest);
  if (!(await bucket.has(`snapshots/${manifest.id}.gz`, signal))) {
    const text = readIfThere(layout.snapshot(manifest.id));
    if (text === undefined) throw new Error(`manifest ${manifest.id} is not in ${layout.root}`);
    await bucket.add(`snapshots/${manifest.id}.gz`, bodyOf(gzipSync(text)), signal, hold.check);
  }
  await known.addRecord(record, hold, signal);
}

/** Brings what the bucket lacks of the files of a tree; a copy that is in quarantine there is lacking, and is replaced. */
export async function uploadObjects(
  {bucket, known, layout, hold, signal}: Pick<UploadOptions, 'bucket' | 'known' | 'layout' | 'hold' | 'signal'>,
  {entries}: Pick<Manifest, 'entries'>,
): Promise<void> {
  const [places, large] = [await known.readPlaces(signal), await known.readLarge(signal)];
  const catalog = ObjectCatalog.load(layout);
  const uploads = new Uploads(bucket, await known.readQuarantined(signal), hold, signal);
  const sent = new Set<Digest>();
  try {
    for (const entry of entries) {
      if (entry.kind !== 'file' || sent.has(entry.digest) || places.has(entry.digest) || large.has(entry.digest)) continue;
      const {digest, size} = entry;
      sent.add(digest);
      const place = catalog.find(digest);
      if (place?.kind === 'large') await uploads.addLarge(digest, size, place.file);
      else for await (const bytes of readObject({layout, catalog, digest, size})) await uploads.addSmall(digest, bytes);
    }
    await uploads.finish();
  } finally {
    await uploads.settle();
    catalog.close();
  }
}

/** Gathers small objects into packs; what is on its way is bounded. */
class Uploads {
  readonly #pending = new Set<Promise<void>>();
  #objects: PackedObject[] = [];
  #pieces: Buffer[] = [];
  #filled = 0;
  #failure: {readonly error: unknown} | undefined;

  constructor(
    private readonly bucket: Bucket,
    private readonly quarantined: ReadonlySet<string>,
    private readonly hold: BucketHold,
    private readonly signal: AbortSignal,
  ) {}

  async addSmall(digest: Digest, bytes: Buffer): Promise<void> {
    this.#objects.push({digest, offset: this.#filled, length: bytes.length});
    this.#pieces.push(bytes);
    this.#filled += bytes.length;
    if (this.#filled >= packBytes) await this.#sendPack();
  }

  /** The service itself compares the bytes with the digest, which is part of the signature. */
  async addLarge(digest: Digest, bytes: number, file: string): Promise<void> {
    await this.#start(async () => {
      await this.#bring(`objects/${digest.slice(0, 2)}/${digest}`, bodyOfFile(file, bytes, digest), [nameQuarantined(digest, undefined)]);
    });
  }

  async finish(): Promise<void> {
    if (this.#objects.length > 0) await this.#sendPack();
    await Promise.all(this.#pending);
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Resolves when nothing is on its way any more. */
  async settle(): Promise<void> {
    await Promise.all(this.#pending);
  }

  /** First the pack, then the index that names it. */
  async #sendPack(): Promise<void> {
    const index = encodePackIndex(this.#objects);
    const [id, bytes] = [namePack(index), Buffer.concat(this.#pieces)];
    const copies = this.#objects.map(({digest}) => nameQuarantined(digest, id));
    [this.#objects, this.#pieces, this.#filled] = [[], [], 0];
    await this.#start(async () => {
      await this.#bring(`packs/${id}.pack`, bodyOf(bytes), copies);
      await this.bucket.add(`packs/${id}.idx`, bodyOf(index), this.signal, this.hold.check);
    });
  }

  /** Over a copy that is known to be bad, and then takes back what was said of it. */
  async #bring(key: string, body: Body, copies: readonly string[]): Promise<void> {
    const bad = copies.filter((name) => this.quarantined.has(name));
    const {check} = this.hold;
    if (bad.length === 0) await this.bucket.add(key, body, this.signal, check);
    else await this.bucket.replace(key, body, this.signal, check);
    for (const name of bad) await this.bucket.remove(`quarantine/${name}`, this.signal, check);
  }

  async #start(work: () => Promise<void>): Promise<void> {
    while (this.#pending.size >= atOnce) await Promise.race(this.#pending);
    if (this.#failure !== undefined) throw this.#failure.error;
    const task: Promise<void> = work()
      .catch((error: unknown) => {
        this.#failure ??= {error};
      })
      .finally(() => this.#pending.delete(task));
    this.#pending.add(task);
  }
}

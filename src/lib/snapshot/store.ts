import type {Readable} from 'node:stream';
import type {Encoding} from './delta-encoding.js';
import type {Secret} from './likely-secrets.js';
import type {Digest, Manifest, SnapshotId} from './manifest.js';
import type {Part} from './part.js';
import type {RecordedSource} from './tree-source.js';

/** What is recorded beside a snapshot; not part of its id. */
export interface SnapshotRecord {
  readonly id: SnapshotId;
  readonly app: string;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly files: number;
  readonly bytes: number;
  /** What somebody wanted to be known about it; one line. */
  readonly note?: string;
  /** ISO 8601, UTC: nothing switches to it before. */
  readonly embargoUntil?: string;
  /** What the tree was made of, in order. */
  readonly sources?: readonly RecordedSource[];
  /** Which of several sources each entry came from: see `decodeOrigins`. */
  readonly origins?: string;
  /** Files that look like secrets. */
  readonly secrets?: readonly Secret[];
}

/** What goes over the wire to hosts that hold `base` (or nothing). Built once, compressed once, kept as a file. */
export interface Delta {
  readonly base?: SnapshotId;
  readonly snapshot: SnapshotId;
  /** The file to stream. */
  readonly path: string;
  readonly bytes: number;
  /** SHA-256 of the file at `path`. */
  readonly digest: Digest;
  readonly encoding: Encoding;
  /** Size of the archive before it was compressed; a host unpacks no byte more. */
  readonly archiveBytes: number;
  /** Files whose content travels. */
  readonly files: number;
  /** Bytes that unpacking adds on a host. */
  readonly unpackedBytes: number;
  /** Paths of the base that are gone or changed. */
  readonly removed: number;
}

/** Which snapshot a part was cut from. The same part may belong to several. */
export interface PartRecord {
  readonly id: SnapshotId;
  readonly snapshot: SnapshotId;
}

/** A place where snapshots are kept. Objects are verified each time they are read; a bad one throws `integrity`. */
export interface Store {
  list(): Promise<readonly SnapshotRecord[]>;
  /** Full or abbreviated id (at least 4 digits), or `latest`; throws `not-found` or `usage` (ambiguous). */
  resolve(app: string, text: string): Promise<SnapshotRecord>;
  manifest(id: SnapshotId): Promise<Manifest>;
  /** The bytes of one file. */
  open(digest: Digest): Promise<Readable>;
  /** Every object of one snapshot, or of all: what is missing or damaged. */
  verify(id: SnapshotId | undefined, signal: AbortSignal): Promise<readonly DamagedObject[]>;
  /** Keeps the manifests of parts of a snapshot, so that deltas lead to them and from them; what is there already stays. */
  keepParts(snapshot: SnapshotId, parts: readonly Part[], signal: AbortSignal): Promise<void>;
  /** Every part that is kept. */
  parts(): Promise<readonly PartRecord[]>;
  /** `gzip` unless told; what this machine cannot encode (`canEncode`) must not be asked for. */
  delta(base: SnapshotId | undefined, snapshot: SnapshotId, signal: AbortSignal, encoding?: Encoding): Promise<Delta>;
  /** Puts a delta where hosts can fetch it; a store that hosts cannot reach has no such thing. */
  share?(delta: Delta, signal: AbortSignal): Promise<SharedDelta>;
}

/** A delta that hosts can fetch by themselves. */
export interface SharedDelta {
  /** 0 when it was there already. */
  readonly uploadedBytes: number;
  /** A URL that lets whoever has it read the delta for so many seconds: a secret until then. */
  presign(seconds: number): Promise<string>;
  /** Brings it once more, over what was altered there. */
  replace(): Promise<void>;
}

export interface DamagedObject {
  readonly digest: Digest;
  readonly why: 'missing' | 'truncated' | 'altered' | 'unreadable';
  /** Paths of the snapshots that need it, at most 5. */
  readonly paths: readonly string[];
  /** Set for a manifest, a record or a delta: its own path in the store. */
  readonly file?: string;
}

declare const brand: unique symbol;

/** 64 lower-case hex digits: SHA-256 of the canonical manifest text. */
export type SnapshotId = string & {readonly [brand]: 'SnapshotId'};
/** 64 lower-case hex digits: SHA-256 of a file's bytes. */
export type Digest = string & {readonly [brand]: 'Digest'};

/**
 * One path of a tree. Paths are relative, `/`-separated, UTF-8, without `.` or `..` parts and without control
 * characters. Modes keep the read and execute bits only (`mode & 0o555`): a release is read-only, and the write bits
 * of two machines' umasks must not give two ids.
 */
export type Entry =
  | {readonly kind: 'file'; readonly path: string; readonly mode: number; readonly size: number; readonly digest: Digest}
  | {readonly kind: 'directory'; readonly path: string; readonly mode: number}
  | {readonly kind: 'link'; readonly path: string; readonly target: string};

/** A tree, in canonical order. */
export interface Manifest {
  readonly id: SnapshotId;
  readonly entries: readonly Entry[];
  readonly files: number;
  readonly bytes: number;
}

/** What tells that a file was written to: any change of it means that its bytes must be read again. */
export interface FileStamp {
  readonly size: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly ino: number;
}

export interface WalkedFile extends FileStamp {
  readonly kind: 'file';
  readonly path: string;
  readonly mode: number;
}

export interface WalkedDirectory {
  readonly kind: 'directory';
  readonly path: string;
  readonly mode: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
}

export type WalkedEntry = WalkedFile | WalkedDirectory | {readonly kind: 'link'; readonly path: string; readonly target: string};

/** A directory tree as it was listed: nothing in it has been read yet. */
export interface WalkedTree {
  /** Absolute, without symbolic links. */
  readonly root: string;
  /** As the operator wrote it, for messages. */
  readonly source: string;
  /** In canonical order. */
  readonly entries: readonly WalkedEntry[];
  /** The root's own times. */
  readonly rootStamp: {readonly mtimeMs: number; readonly ctimeMs: number};
  /** Entries left out by ignore rules; what lies below an ignored directory is not counted. */
  readonly ignored: number;
  /** One line each; foreign names in them are not escaped yet. */
  readonly warnings: readonly string[];
}

export function isSameStamp(a: FileStamp, b: FileStamp): boolean {
  return a.size === b.size && a.mtimeMs === b.mtimeMs && a.ctimeMs === b.ctimeMs && a.ino === b.ino;
}

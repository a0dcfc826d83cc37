import {compareBytewise} from './manifest-text.js';

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
  /** Absolute path of a file that does not lie below the tree's root under its own path: merged trees have several roots. */
  readonly place?: string;
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
  /** The trees that were merged into this one. */
  readonly parts?: readonly WalkedTree[];
  /** Names the source from one snapshot to the next, where its root does not. */
  readonly key?: string;
}

/** Where a file of a tree lies on this machine. */
export function placeOf(tree: WalkedTree, {place, path}: WalkedFile): string {
  return place ?? `${tree.root}/${path}`;
}

export function isSameStamp(a: FileStamp, b: FileStamp): boolean {
  return a.size === b.size && a.mtimeMs === b.mtimeMs && a.ctimeMs === b.ctimeMs && a.ino === b.ino;
}

/** Sorts in place, in canonical order. */
export function sortEntries(entries: WalkedEntry[]): readonly WalkedEntry[] {
  const beyondBmp = entries.some(({path}) => /[\ud800-\udfff]/.test(path));
  return entries.sort(beyondBmp ? (a, b) => compareBytewise(a.path, b.path) : (a, b) => (a.path < b.path ? -1 : 1));
}

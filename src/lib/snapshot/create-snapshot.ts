import fs from 'node:fs';
import path from 'node:path';
import type {DirectoryStore} from './directory-store.js';
import type {SavedSnapshot} from './save-tree.js';
import {walkTree} from './walk.js';

export interface CreateSnapshotOptions {
  /** The directory to snapshot. */
  readonly source: string;
  readonly app: string;
  /** Patterns of paths to leave out, gitignore grammar, in order. */
  readonly ignore: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly store: DirectoryStore;
  readonly now: () => number;
  readonly signal: AbortSignal;
  /** An empty tree is refused unless this is set. */
  readonly allowEmpty?: boolean;
  /** Trees with more entries are refused; 1,000,000 by default. */
  readonly maxEntries?: number;
}

export interface CreatedSnapshot extends SavedSnapshot {
  /** One line each; foreign names in them are not escaped yet. */
  readonly warnings: readonly string[];
  /** Entries left out by ignore rules. */
  readonly ignored: number;
}

/** Takes a snapshot of a tree and keeps it. What cannot be reproduced on a host is refused, all at once (`invalid-source`). */
export async function createSnapshot(options: CreateSnapshotOptions): Promise<CreatedSnapshot> {
  const {source, ignore, app, labels, store, now, signal, allowEmpty = false, maxEntries = 1_000_000} = options;
  const tree = await walkTree({source, ignore: [...ignore, ...ignoreStore(source, store.path)], allowEmpty, maxEntries, signal});
  const saved = await store.save({tree, app, labels, now, signal});
  return {...saved, warnings: tree.warnings, ignored: tree.ignored};
}

/** A store below the source is no part of it; it is made before the tree is listed, so that this does not count as a change. */
function ignoreStore(source: string, storePath: string): readonly string[] {
  const inside = path.relative(path.resolve(source), storePath);
  if (inside === '' || inside.startsWith('..') || !fs.existsSync(source)) return [];
  fs.mkdirSync(storePath, {recursive: true});
  return [`/${inside.replace(/[\\*?[\] ]/g, '\\$&')}`];
}

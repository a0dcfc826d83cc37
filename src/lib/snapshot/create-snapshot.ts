import fs from 'node:fs';
import path from 'node:path';
import {DroverError} from '../errors/drover-error.js';
import type {DirectoryStore} from './directory-store.js';
import {SecretSearch} from './likely-secrets.js';
import {mergeTrees, type OnConflict} from './merge-trees.js';
import {openSource} from './open-source.js';
import {encodeOrigins} from './origins.js';
import type {SavedSnapshot} from './save-tree.js';
import {refuseSizeChange} from './size-guard.js';
import type {RecordedSource, TreeSource} from './tree-source.js';
import {walkTree} from './walk.js';
import type {WalkedTree} from './walked-tree.js';

/** One source, or several that become one tree. */
export interface SourceSet {
  readonly parts: readonly TreeSource[];
  readonly onConflict: OnConflict;
}

export interface CreateSnapshotOptions {
  /** The directory to snapshot, or where the tree comes from. */
  readonly source: string | SourceSet;
  readonly app: string;
  /** Patterns of paths to leave out, gitignore grammar, in order. */
  readonly ignore: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly note?: string;
  /** ISO 8601, UTC: not to be switched to before; null lifts what an earlier snapshot of the same tree said. */
  readonly embargoUntil?: string | null;
  readonly store: DirectoryStore;
  readonly now: () => number;
  readonly signal: AbortSignal;
  /** An empty tree is refused unless this is set. */
  readonly allowEmpty?: boolean;
  /** Trees with more files, links among them, or more folders are refused. */
  readonly maxFiles?: number;
  /** A tree of less than half or more than one and a half times the files or bytes of the app's last one is refused unless this is set. */
  readonly sizeChanged?: boolean;
  /** Any warning refuses (`refused`), and nothing is stored. */
  readonly strict?: boolean;
  /** The environment of commands that make sources. */
  readonly env?: NodeJS.ProcessEnv;
  /** Hears what such commands say, a line at a time, not escaped yet. */
  readonly say?: (line: string) => void;
  /** Hears each warning before anything is refused because of it. */
  readonly warn?: (line: string) => void;
}

export interface CreatedSnapshot extends SavedSnapshot {
  /** One line each; foreign names in them are not escaped yet. */
  readonly warnings: readonly string[];
  /** Entries left out by ignore rules. */
  readonly ignored: number;
}

/** A tree of more is more often the wrong one. */
const usualMaxFiles = 1_000_000;

/** Bytes that the files of an archive may have together. */
const maxArchiveBytes = 256 * 1024 ** 3;

/** Takes a snapshot of a tree and keeps it. What cannot be reproduced on a host is refused, all at once (`invalid-source`). */
export async function createSnapshot(options: CreateSnapshotOptions): Promise<CreatedSnapshot> {
  const {app, labels, note, embargoUntil, store, now, signal, sizeChanged = false, strict = false, warn = () => undefined} = options;
  const work: string[] = [];
  try {
    const {tree, sources, origins} = await readSources(options, work);
    if (!sizeChanged) refuseSizeChange(tree, app, await store.list());
    const warnings = [...tree.warnings];
    const search = new SecretSearch(tree);
    const saved = await store.save({
      tree,
      app,
      labels,
      now,
      signal,
      details: {
        ...(sources === undefined ? {} : {sources}),
        ...(origins === undefined ? {} : {origins}),
        ...(note === undefined ? {} : {note}),
        ...(embargoUntil === undefined ? {} : {embargoUntil}),
      },
      inspection: {
        look: (file, bytes) => search.look(file, bytes),
        judge: (known) => {
          const found = search.finish(known);
          warnings.push(...found.warnings);
          for (const warning of warnings) warn(warning);
          if (strict && warnings.length > 0) throw refuseWarnings(warnings.length);
          return found.secrets;
        },
      },
    });
    return {...saved, warnings, ignored: tree.ignored};
  } finally {
    for (const folder of work) fs.rmSync(folder, {recursive: true, force: true});
  }
}

function refuseWarnings(count: number): DroverError {
  return new DroverError({
    code: 'refused',
    message: `${count} ${count === 1 ? 'warning' : 'warnings'} with --strict; nothing was stored`,
    fix: 'remove what they name, or ignore it in .droverignore',
  });
}

interface ReadSources {
  readonly tree: WalkedTree;
  readonly sources?: readonly RecordedSource[];
  readonly origins?: string;
}

async function readSources(options: CreateSnapshotOptions, work: string[]): Promise<ReadSources> {
  const {source, store, env = {}, say = () => undefined, signal, allowEmpty = false, maxFiles = usualMaxFiles} = options;
  const limits = {maxEntries: 2 * maxFiles, maxBytes: maxArchiveBytes};
  const walk = {maxFiles, allowEmpty, signal};
  const ignore = (root: string): readonly string[] => [...options.ignore, ...ignoreStore(root, store.path)];
  if (typeof source === 'string') return {tree: await walkTree({...walk, source, ignore: ignore(source)})};
  const {parts, onConflict} = source;
  const makeFolder = async (): Promise<string> => {
    const folder = await store.makeFolder();
    work.push(folder);
    return folder;
  };
  const isMerged = parts.length > 1 || parts.some(({at}) => at !== undefined);
  const trees: {tree: WalkedTree; name: string; at?: string}[] = [];
  const sources: RecordedSource[] = [];
  for (const part of parts) {
    const {name, at} = part;
    const {root, key, commit, warnings} = await openSource(part, {work: makeFolder, env, limits, say, signal});
    const placed = at === undefined ? {} : {at};
    const naming = {...(key === undefined ? {} : {key}), ...(part.kind === 'directory' ? {} : {name})};
    const tree = await walkTree({...walk, source: root, ignore: ignore(root), isPart: isMerged, ...naming});
    trees.push({tree: {...tree, warnings: [...warnings, ...tree.warnings]}, name, ...placed});
    sources.push({name, ...placed, ...(commit === undefined ? {} : {commit})});
  }
  const [only] = trees;
  if (!isMerged && only !== undefined) return {tree: only.tree, sources};
  const tree = mergeTrees(trees, onConflict, {maxFiles, allowEmpty});
  return {tree, sources, origins: encodeOrigins(tree.origins)};
}

/** A store below the source is no part of it; it is made before the tree is listed, so that this does not count as a change. */
function ignoreStore(source: string, storePath: string): readonly string[] {
  const inside = path.relative(path.resolve(source), storePath);
  if (inside === '' || inside.startsWith('..') || !fs.existsSync(source)) return [];
  fs.mkdirSync(storePath, {recursive: true});
  return [`/${inside.replace(/[\\*?[\] ]/g, '\\$&')}`];
}

import {DroverError} from '../errors/drover-error.js';
import {judgeLinks} from './link-check.js';
import {explainPath} from './path-grammar.js';
import {refuseTooMany, SourceProblems, SourceWarnings} from './source-problems.js';
import {sortEntries, type WalkedEntry, type WalkedTree} from './walked-tree.js';

/** What happens to a path that two sources have. Folders that both have are one folder. */
export type OnConflict = 'error' | 'first' | 'last';

export interface TreePart {
  readonly tree: WalkedTree;
  /** Where its tree begins in the merged one; relative, undefined for the top. */
  readonly at?: string;
  /** What the operator calls it. */
  readonly name: string;
}

export interface MergedTree extends WalkedTree {
  /** For each entry, in order: the part it came from. */
  readonly origins: readonly number[];
  /** Paths that more than one part had. */
  readonly overlaps: number;
}

/**
 * One tree of several. Refuses, all at once: a path from two parts unless `onConflict` says which of them counts, and links that leave the
 * merged tree. Nothing is copied: an entry remembers where it lies.
 */
export function mergeTrees(
  parts: readonly TreePart[],
  onConflict: OnConflict,
  {maxFiles, allowEmpty}: {readonly maxFiles: number; readonly allowEmpty: boolean},
): MergedTree {
  const source = parts.map(({name}) => name).join(' + ');
  const problems = new SourceProblems(source);
  const merge = new Merge(parts, onConflict, problems);
  const order = parts.map((_, index) => index);
  for (const index of onConflict === 'first' ? order.reverse() : order) merge.add(index);
  const entries = sortEntries([...merge.entries.values()].map(({entry}) => entry));
  judgeLinks(entries, problems, merge.warnings);
  problems.throwAny();
  const files = entries.reduce((sum, {kind}) => (kind === 'directory' ? sum : sum + 1), 0);
  if (files > maxFiles) throw refuseTooMany(source, maxFiles);
  if (entries.length === 0 && !allowEmpty) throw refuse(`${source} are empty`, 'build first, or pass --allow-empty');
  const [first] = parts;
  return {
    root: first?.tree.root ?? '',
    source,
    entries,
    rootStamp: first?.tree.rootStamp ?? {mtimeMs: 0, ctimeMs: 0},
    ignored: parts.reduce((sum, {tree}) => sum + tree.ignored, 0),
    warnings: [...parts.flatMap(({tree}) => tree.warnings), ...merge.warnings.list()],
    parts: parts.map(({tree}) => tree),
    key: `merged\n${parts.map(({tree, at = ''}) => `${tree.key ?? tree.root}\n${at}`).join('\n')}`,
    origins: entries.map(({path}) => merge.entries.get(path)?.origin ?? 0),
    overlaps: merge.overlaps,
  };
}

function refuse(message: string, fix: string): DroverError {
  return new DroverError({code: 'invalid-source', message, fix});
}

interface Placed {
  readonly entry: WalkedEntry;
  readonly origin: number;
}

class Merge {
  readonly entries = new Map<string, Placed>();
  readonly warnings = new SourceWarnings();
  overlaps = 0;
  readonly #parts: readonly TreePart[];
  readonly #onConflict: OnConflict;
  readonly #problems: SourceProblems;

  constructor(parts: readonly TreePart[], onConflict: OnConflict, problems: SourceProblems) {
    this.#parts = parts;
    this.#onConflict = onConflict;
    this.#problems = problems;
  }

  /** Lays a part over what is there. */
  add(origin: number): void {
    const part = this.#parts[origin];
    if (part === undefined) return;
    const {tree, at} = part;
    const buried = new Set<string>();
    for (const folder of listFolders(at)) {
      if (this.entries.get(folder)?.entry.kind === 'directory') continue;
      this.#lay({kind: 'directory', path: folder, mode: 0o555, mtimeMs: 0, ctimeMs: 0}, origin, buried);
    }
    for (const entry of tree.entries) {
      const path = at === undefined ? entry.path : `${at}/${entry.path}`;
      const why = at === undefined ? undefined : explainPath(path);
      if (why !== undefined) this.#problems.add(path, why, 'rename it, or place the source elsewhere');
      this.#lay(entry.kind === 'file' ? {...entry, path, place: `${tree.root}/${entry.path}`} : {...entry, path}, origin, buried);
    }
    if (buried.size > 0) this.#dropBelow(buried, origin);
  }

  #lay(entry: WalkedEntry, origin: number, buried: Set<string>): void {
    const there = this.entries.get(entry.path);
    if (there !== undefined && !(there.entry.kind === 'directory' && entry.kind === 'directory')) {
      this.#tellConflict(entry.path, there.origin, origin);
      if (there.entry.kind === 'directory') buried.add(entry.path);
    }
    this.entries.set(entry.path, {entry, origin});
  }

  /** A folder that became a file or a link takes what was in it along. */
  #dropBelow(buried: ReadonlySet<string>, origin: number): void {
    for (const [path, placed] of this.entries) {
      if (placed.origin !== origin && listFolders(path).some((folder) => folder !== path && buried.has(folder))) this.entries.delete(path);
    }
  }

  #tellConflict(path: string, below: number, above: number): void {
    this.overlaps += 1;
    const name = (index: number): string => this.#parts[index]?.name ?? '';
    if (this.#onConflict === 'error') {
      const [first, second] = below < above ? [below, above] : [above, below];
      this.#problems.addConflict(path, name(first), name(second));
    } else {
      this.warnings.add(`"${path}" is taken from ${name(above)}; ${name(below)} has it too`);
    }
  }
}

/** `a/b/c` -> `a`, `a/b`, `a/b/c`. */
function listFolders(path: string | undefined): readonly string[] {
  if (path === undefined) return [];
  const names = path.split('/');
  return names.map((_, index) => names.slice(0, index + 1).join('/'));
}

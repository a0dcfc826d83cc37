import {hash} from 'node:crypto';
import {DroverError} from '../errors/drover-error.js';
import {followLink, type Place} from './link-target.js';
import type {Digest, Entry, Manifest, SnapshotId} from './manifest.js';
import {explainPath, explainTarget} from './path-grammar.js';

/** The first line of each manifest; it sorts before every path. */
export const manifestHeader = '\tdrover-manifest\t1';

/** One line of the canonical manifest, without its line break. */
export function renderEntry(entry: Entry): string {
  switch (entry.kind) {
    case 'file':
      return `${entry.path}\tf\t${entry.mode.toString(8)}\t${entry.size}\t${entry.digest}`;
    case 'directory':
      return `${entry.path}\td\t${entry.mode.toString(8)}`;
    case 'link':
      return `${entry.path}\tl\t${entry.target}`;
  }
}

/** The order of `LC_ALL=C sort`: by UTF-8 bytes. */
export function compareBytewise(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at += 1) {
    const left = a.charCodeAt(at);
    const right = b.charCodeAt(at);
    if (left === right) continue;
    // UTF-16 puts surrogate pairs before U+E000..U+FFFF, UTF-8 after.
    if (left >= 0xd800 && right >= 0xd800) return rankUnit(left) - rankUnit(right);
    return left - right;
  }
  return a.length - b.length;
}

function rankUnit(unit: number): number {
  return unit >= 0xe000 ? unit - 0x800 : unit + 0x2000;
}

const linesAtOnce = 4096;

/** The canonical text of a tree, in UTF-8. Entries may come in any order; their parents must be among them. */
export function encodeManifest(entries: readonly Entry[]): Buffer {
  const pieces = [Buffer.from(`${manifestHeader}\n`)];
  const ordered = orderEntries(entries);
  for (let at = 0; at < ordered.length; at += linesAtOnce) {
    const lines = ordered.slice(at, at + linesAtOnce).map(renderEntry);
    pieces.push(Buffer.from(`${lines.join('\n')}\n`));
  }
  return Buffer.concat(pieces);
}

/** As `encodeManifest`, as text. */
export function renderManifest(entries: readonly Entry[]): string {
  return encodeManifest(entries).toString();
}

/** The same entries in canonical order. The order of paths is that of their lines: no path has a character below a tab. */
function orderEntries(entries: readonly Entry[]): readonly Entry[] {
  const isOrdered = entries.every(({path}, index) => index === 0 || compareBytewise(entries[index - 1]?.path ?? '', path) < 0);
  return isOrdered ? entries : entries.toSorted((a, b) => compareBytewise(a.path, b.path));
}

/** `text` as UTF-8. */
export function snapshotId(text: string | Uint8Array): SnapshotId {
  return hash('sha256', text, 'hex') as SnapshotId;
}

/** `line` is undefined where a line was read by itself. */
function damaged(line: number | undefined, why: string): DroverError {
  if (line === undefined) return new DroverError({code: 'integrity', message: `a line of a manifest: ${why}`});
  return new DroverError({code: 'integrity', message: `manifest line ${line}: ${why}`, line});
}

function parseMode(text: string | undefined, line: number | undefined): number {
  if (text === undefined || !/^(?:0|[145][0145]{0,2})$/.test(text)) throw damaged(line, `mode ${JSON.stringify(text)} is not valid`);
  return Number.parseInt(text, 8);
}

function parseFile(path: string, fields: readonly string[], line: number | undefined): Entry {
  const [, , mode, size, digest] = fields;
  if (fields.length !== 5) throw damaged(line, `a file has 5 fields, got ${fields.length}`);
  if (size === undefined || !/^(?:0|[1-9][0-9]{0,15})$/.test(size) || !Number.isSafeInteger(Number(size))) {
    throw damaged(line, `size ${JSON.stringify(size)} is not valid`);
  }
  if (digest === undefined || !/^[0-9a-f]{64}$/.test(digest)) throw damaged(line, `digest ${JSON.stringify(digest)} is not valid`);
  return {kind: 'file', path, mode: parseMode(mode, line), size: Number(size), digest: digest as Digest};
}

/** One line of a manifest other than its first, as strictly as `parseManifest` reads it; how it stands to others is not judged. */
export function parseLine(text: string, line?: number): Entry {
  const fields = text.split('\t');
  const [path = '', kind, third] = fields;
  const why = explainPath(path);
  if (why !== undefined) throw damaged(line, `path ${JSON.stringify(path)} ${why}`);
  if (kind === 'f') return parseFile(path, fields, line);
  if (kind !== 'd' && kind !== 'l') throw damaged(line, `kind ${JSON.stringify(kind)} is not valid`);
  if (fields.length !== 3) throw damaged(line, `a ${kind === 'd' ? 'directory' : 'link'} has 3 fields, got ${fields.length}`);
  if (kind === 'd') return {kind: 'directory', path, mode: parseMode(third, line)};
  const target = third ?? '';
  const bad = explainTarget(target);
  if (bad !== undefined) throw damaged(line, `link target ${JSON.stringify(target)} ${bad}`);
  return {kind: 'link', path, target};
}

/** The parent of a path, undefined for what lies at the root. */
export function parentOf(path: string): string | undefined {
  const end = path.lastIndexOf('/');
  return end === -1 ? undefined : path.slice(0, end);
}

/** How `followLink` sees a tree. */
export function lookIn(places: ReadonlyMap<string, Entry>): (path: string) => Place {
  return (path) => places.get(path) ?? {kind: 'nothing'};
}

/**
 * Reads a canonical manifest, strictly: any text that `renderManifest` would not have written is refused (`integrity`),
 * and so are paths and links that leave the tree, duplicates, and entries whose parent is no directory of the manifest. `id` is given
 * where the digest of the text is known.
 */
export function parseManifest(text: string, id?: SnapshotId): Manifest {
  const lines = text.split('\n');
  if (lines[0] !== manifestHeader)
    throw damaged(1, `starts with ${JSON.stringify(lines[0]?.slice(0, 40))}, not with the header of a drover manifest`);
  if (lines.pop() !== '' || lines.length === 0) throw damaged(lines.length + 1, 'does not end with a line break');
  const entries: Entry[] = [];
  const places = new Map<string, Entry>();
  let bytes = 0;
  let files = 0;
  let hasLinks = false;
  for (let index = 1; index < lines.length; index += 1) {
    const entry = parseLine(lines[index] ?? '', index + 1);
    const before = entries.at(-1);
    if (before !== undefined && compareBytewise(before.path, entry.path) >= 0) {
      throw damaged(index + 1, `path ${JSON.stringify(entry.path)} is ${before.path === entry.path ? 'there twice' : 'out of order'}`);
    }
    const parent = parentOf(entry.path);
    if (parent !== undefined && places.get(parent)?.kind !== 'directory') {
      throw damaged(index + 1, `the parent of ${JSON.stringify(entry.path)} is not a directory of the manifest`);
    }
    if (entry.kind === 'file') {
      files += 1;
      bytes += entry.size;
    }
    if (entry.kind === 'link') hasLinks = true;
    entries.push(entry);
    places.set(entry.path, entry);
  }
  if (hasLinks) refuseEscapes(entries, places);
  return {id: id ?? snapshotId(text), entries, files, bytes};
}

function refuseEscapes(entries: readonly Entry[], places: ReadonlyMap<string, Entry>): void {
  const look = lookIn(places);
  for (const [index, entry] of entries.entries()) {
    if (entry.kind === 'link' && followLink(entry.path, entry.target, look) === 'escapes') {
      throw damaged(index + 2, `link ${JSON.stringify(entry.path)} -> ${JSON.stringify(entry.target)} leaves the tree`);
    }
  }
}

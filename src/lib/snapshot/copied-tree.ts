import {createHash} from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import {setImmediate as yieldToOthers} from 'node:timers/promises';
import {DroverError} from '../errors/drover-error.js';
import {readErrorCode} from './error-code.js';
import type {Digest} from './manifest.js';
import {compareBytewise, manifestHeader, renderEntry} from './manifest-text.js';
import {explainComponent, explainTarget} from './path-grammar.js';
import {SourceProblems} from './source-problems.js';
import {makeTarHeader, padTar, tarEnd} from './tar-entry.js';

const readBytes = 256 * 1024;
const maxEntries = 1_000_000;

type CopiedEntry =
  | {readonly kind: 'directory'; readonly path: string; readonly mode: number}
  | {readonly kind: 'link'; readonly path: string; readonly target: string}
  | {
      readonly kind: 'file';
      readonly path: string;
      readonly place: string;
      readonly mode: number;
      readonly size: number;
      readonly digest: Digest;
    };

/** A file or tree of this machine as it was read once: what is sent later must be the same bytes. */
export interface CopiedTree {
  readonly kind: 'file' | 'tree';
  /** Its own name. */
  readonly name: string;
  /** One line for each entry, sorted bytewise, in the form of a snapshot's manifest but with all of its permission bits. Of a file: the one of `file`. */
  readonly manifest: Buffer;
  readonly files: number;
  /** Of all files. */
  readonly bytes: number;
  /** SHA-256 and mode of a file. */
  readonly digest?: string;
  readonly mode?: number;
  /** The manifest as `m`, and the entries below `t`, as a tar. Throws `invalid-source` when a file has changed. */
  archive(): AsyncGenerator<Buffer>;
}

/**
 * Reads what is to be copied, wholly: names must be UTF-8 without control characters, links keep whatever target they have. Folders are
 * writable for their owner in the copy. Everything that cannot be copied is told at once (`invalid-source`).
 */
export async function readCopied(source: string, signal: AbortSignal): Promise<CopiedTree> {
  const {root, stat} = openSource(source);
  if (!stat.isDirectory() && !stat.isFile()) throw invalid(`${source} is neither a file nor a folder`, 'name one');
  const problems = new SourceProblems(source);
  const found: CopiedEntry[] = [];
  if (stat.isFile()) found.push(await readFile('file', root, stat.mode, signal));
  const folders = stat.isFile() ? [] : [''];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    await yieldToOthers();
    for (const name of readNames(root, folder, problems)) {
      signal.throwIfAborted();
      const below = `${folder}${name}`;
      const entry = await readEntry(root, below, {problems, signal});
      if (entry !== undefined) found.push(entry);
      if (entry?.kind === 'directory') folders.push(`${below}/`);
      if (found.length > maxEntries)
        throw invalid(`${source} holds more than ${maxEntries.toLocaleString('en-US')} entries`, 'copy less at once');
    }
  }
  problems.throwAny();
  const entries = found.sort((one, other) => compareBytewise(one.path, other.path));
  const manifest = Buffer.from(`${manifestHeader}\n${entries.map((entry) => `${renderEntry(entry)}\n`).join('')}`);
  const files = entries.filter((entry) => entry.kind === 'file');
  const [only] = stat.isFile() ? files : [];
  return {
    kind: only === undefined ? 'tree' : 'file',
    name: path.basename(root),
    manifest,
    files: files.length,
    bytes: files.reduce((sum, {size}) => sum + size, 0),
    ...(only === undefined ? {} : {digest: only.digest, mode: only.mode}),
    archive: () => archive({entries, manifest, mode: only === undefined ? folderMode(stat.mode) : 0o700, source}),
  };
}

const folderMode = (mode: number): number => (mode & 0o777) | 0o700;

function invalid(message: string, fix: string): DroverError {
  return new DroverError({code: 'invalid-source', message, fix});
}

function openSource(source: string): {readonly root: string; readonly stat: fs.Stats} {
  try {
    const root = fs.realpathSync(source);
    return {root, stat: fs.statSync(root)};
  } catch (error) {
    const code = readErrorCode(error);
    if (code === undefined) throw error;
    const isMissing = code === 'ENOENT' || code === 'ENOTDIR';
    const fix = 'what lies on hosts is HOSTS:/path, or :/path beside --hosts, --silo, --role or --all';
    throw new DroverError({code: 'not-found', message: `${source} ${isMissing ? 'does not exist here' : `cannot be read (${code})`}`, fix});
  }
}

/** Names that are no UTF-8 have no text form, and are refused by their bytes. */
function readNames(root: string, folder: string, problems: SourceProblems): readonly string[] {
  try {
    return fs.readdirSync(`${root}/${folder}`, {encoding: 'buffer'}).flatMap((bytes) => {
      const name = bytes.toString();
      if (Buffer.from(name).equals(bytes)) return [name];
      problems.addBytes(folder, bytes);
      return [];
    });
  } catch (error) {
    problems.add(folder || '.', explainFailure(error), 'make it readable');
    return [];
  }
}

function explainFailure(error: unknown): string {
  const code = readErrorCode(error);
  if (code === undefined) throw error;
  return `cannot be read (${code})`;
}

async function readEntry(
  root: string,
  below: string,
  {problems, signal}: {readonly problems: SourceProblems; readonly signal: AbortSignal},
): Promise<CopiedEntry | undefined> {
  const why = explainComponent(path.posix.basename(below), below);
  if (why !== undefined) {
    problems.add(below, why, 'rename it');
    return undefined;
  }
  try {
    const place = `${root}/${below}`;
    const stat = fs.lstatSync(place);
    if (stat.isDirectory()) return {kind: 'directory', path: below, mode: folderMode(stat.mode)};
    if (stat.isFile()) return {...(await readFile(below, place, stat.mode, signal)), path: below};
    if (stat.isSymbolicLink()) return readLink(below, place, problems);
    problems.add(below, 'is neither a file, a folder nor a link', 'remove it, or copy what lies beside it');
  } catch (error) {
    if (signal.aborted) throw error;
    problems.add(below, explainFailure(error), 'make it readable');
  }
  return undefined;
}

function readLink(below: string, place: string, problems: SourceProblems): CopiedEntry | undefined {
  const bytes = fs.readlinkSync(place, {encoding: 'buffer'});
  const target = bytes.toString();
  const relative = target.startsWith('/') ? `.${target}` : target;
  const why = Buffer.from(target).equals(bytes) ? explainTarget(relative) : `is not valid UTF-8 (hex ${bytes.toString('hex')})`;
  if (why === undefined) return {kind: 'link', path: below, target};
  problems.add(below, `is a link whose target "${target}" ${why}`, 'make it anew');
  return undefined;
}

async function readFile(name: string, place: string, mode: number, signal: AbortSignal): Promise<CopiedEntry & {kind: 'file'}> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const piece of fs.createReadStream(place, {highWaterMark: readBytes, signal}) as AsyncIterable<Buffer>) {
    hash.update(piece);
    size += piece.length;
  }
  return {kind: 'file', path: name, place, mode: mode & 0o777, size, digest: hash.digest('hex') as Digest};
}

async function* archive({
  entries,
  manifest,
  mode,
  source,
}: {
  readonly entries: readonly CopiedEntry[];
  readonly manifest: Buffer;
  readonly mode: number;
  readonly source: string;
}): AsyncGenerator<Buffer> {
  yield makeTarHeader('m', {kind: 'file', mode: 0o600, size: manifest.length});
  yield manifest;
  yield padTar(manifest.length);
  yield makeTarHeader('t', {kind: 'directory', mode});
  for (const entry of entries) {
    const size = entry.kind === 'file' ? entry.size : 0;
    yield makeTarHeader(`t/${entry.path}`, entry.kind === 'link' ? {...entry, mode: 0o777} : entry);
    if (entry.kind !== 'file') continue;
    yield* readAgain(entry, source);
    yield padTar(size);
  }
  yield tarEnd;
}

/** As many bytes as it had; the host proves that they are the same ones. */
async function* readAgain({path: name, place, size}: CopiedEntry & {kind: 'file'}, source: string): AsyncGenerator<Buffer> {
  let read = 0;
  for await (const piece of fs.createReadStream(place, {highWaterMark: readBytes}) as AsyncIterable<Buffer>) {
    read += piece.length;
    if (read > size) break;
    yield piece;
  }
  if (read !== size) throw invalid(`"${name}" in ${source} changed while it was copied`, 'copy it again');
}

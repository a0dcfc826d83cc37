import fs from 'node:fs';
import {setImmediate as yieldToOthers} from 'node:timers/promises';
import {DroverError} from '../errors/drover-error.js';
import {readErrorCode} from './error-code.js';
import {compileIgnores, defaultIgnores, type Ignores, splitIgnoreFile} from './ignore-rules.js';
import {judgeLinks} from './link-check.js';
import {explainComponent, explainTarget, pathLimitBytes} from './path-grammar.js';
import {refuseTooMany, SourceProblems, SourceWarnings} from './source-problems.js';
import {sortEntries, type WalkedEntry, type WalkedTree} from './walked-tree.js';

export interface WalkOptions {
  /** The directory to list. */
  readonly source: string;
  /** What messages call it, where its path would tell nobody anything. */
  readonly name?: string;
  /** Names the source from one snapshot to the next, where its path does not. */
  readonly key?: string;
  /** It becomes part of a larger tree: its links are judged there, and it may be empty. */
  readonly isPart?: boolean;
  /** Patterns of gitignore's grammar; they come after the default ones and before those of `.droverignore` in the source. */
  readonly ignore: readonly string[];
  /** More entries than this are refused. */
  /** Most files, links among them, and most folders. */
  readonly maxFiles: number;
  readonly allowEmpty: boolean;
  readonly signal: AbortSignal;
}

/**
 * Lists a tree. Everything that a snapshot could not reproduce is refused at once (`invalid-source`); a missing source is
 * `not-found`. Links are read, never followed.
 */
export async function walkTree(options: WalkOptions): Promise<WalkedTree> {
  const {signal, name: source = options.source, key, isPart = false} = options;
  const {root, stamp} = openSource(options.source, source);
  const walk = new Walk(source, root, compileIgnores([...defaultIgnores, ...options.ignore, ...readIgnoreFile(source, root)]));
  const directories = [''];
  for (let directory = directories.pop(); directory !== undefined; directory = directories.pop()) {
    signal.throwIfAborted();
    walk.list(directory, directories);
    if (walk.entries.length - walk.folders > options.maxFiles) throw refuseTooMany(source, options.maxFiles);
    if (walk.folders > options.maxFiles) throw refuseTooMany(source, options.maxFiles, 'folders');
    await yieldToOthers();
  }
  const entries = sortEntries(walk.entries);
  if (!isPart) judgeLinks(entries, walk.problems, walk.warnings);
  walk.problems.throwAny();
  if (entries.length === 0 && !options.allowEmpty && !isPart) {
    const why = walk.ignored === 0 ? 'is empty' : `is empty but for ${walk.ignored} ignored entries`;
    throw invalid(`source ${source} ${why}`, 'build first, or pass --allow-empty');
  }
  const warnings = walk.warnings.list();
  return {root, source, entries, rootStamp: stamp, ignored: walk.ignored, warnings, ...(key === undefined ? {} : {key})};
}

function invalid(message: string, fix: string): DroverError {
  return new DroverError({code: 'invalid-source', message, fix});
}

function openSource(place: string, source: string): {readonly root: string; readonly stamp: WalkedTree['rootStamp']} {
  try {
    const root = fs.realpathSync(place);
    const stat = fs.statSync(root);
    if (!stat.isDirectory()) throw invalid(`source ${source} is not a directory`, 'name the directory that holds the tree');
    return {root, stamp: {mtimeMs: stat.mtimeMs, ctimeMs: stat.ctimeMs}};
  } catch (error) {
    const code = readErrorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw new DroverError({code: 'not-found', message: `source ${source} does not exist`, fix: 'build first, or correct "source"'});
    }
    if (code !== undefined) throw invalid(`source ${source} cannot be read (${code})`, 'make it readable for you');
    throw error;
  }
}

function readIgnoreFile(source: string, root: string): readonly string[] {
  try {
    return splitIgnoreFile(fs.readFileSync(`${root}/.droverignore`, 'utf8'));
  } catch (error) {
    const code = readErrorCode(error);
    if (code === 'ENOENT') return [];
    if (code !== undefined) throw invalid(`${source}/.droverignore cannot be read (${code})`, 'make it a readable file');
    throw error;
  }
}

class Walk {
  readonly entries: WalkedEntry[] = [];
  readonly problems: SourceProblems;
  readonly warnings = new SourceWarnings();
  ignored = 0;
  folders = 0;
  readonly #root: string;
  readonly #ignores: Ignores;

  constructor(source: string, root: string, ignores: Ignores) {
    this.problems = new SourceProblems(source);
    this.#root = root;
    this.#ignores = ignores;
  }

  /** Takes in what one directory holds; directories in it are pushed to `later`. `directory` is empty or ends in `/`. */
  list(directory: string, later: string[]): void {
    let names: readonly string[];
    try {
      names = this.#readNames(directory);
    } catch (error) {
      const code = readErrorCode(error);
      if (code === undefined) throw error;
      this.problems.add(directory || '.', explainFailure(code), 'make it readable, or ignore it');
      return;
    }
    for (const name of names) this.#take(`${directory}${name}`, name, later);
  }

  /** As text where that is faithful: a decoder that met a bad byte leaves U+FFFD, and then the bytes are looked at. */
  #readNames(directory: string): readonly string[] {
    const names = fs.readdirSync(`${this.#root}/${directory}`);
    if (!names.some((name) => name.includes('\ufffd'))) return names;
    const faithful: string[] = [];
    for (const bytes of fs.readdirSync(`${this.#root}/${directory}`, {encoding: 'buffer'})) {
      const name = bytes.toString();
      if (Buffer.from(name).equals(bytes)) faithful.push(name);
      else if (this.#ignores(`${directory}${name}`, false)) this.ignored += 1;
      else this.problems.addBytes(directory, bytes);
    }
    return faithful;
  }

  #take(path: string, name: string, later: string[]): void {
    let stat: fs.Stats;
    try {
      stat = fs.lstatSync(`${this.#root}/${path}`);
    } catch (error) {
      const code = readErrorCode(error);
      if (code === undefined) throw error;
      this.problems.add(path, explainFailure(code), 'make it readable, stop what writes there, or ignore it');
      return;
    }
    const isDirectory = stat.isDirectory();
    if (this.#ignores(path, isDirectory)) {
      this.ignored += 1;
      return;
    }
    const why = explainComponent(name, path);
    if (why !== undefined) this.problems.add(path, why, 'rename it, or ignore it');
    else if (isDirectory) this.#takeDirectory(path, stat, later);
    else if (stat.isFile()) this.#takeFile(path, stat);
    else if (stat.isSymbolicLink()) this.#takeLink(path);
    else this.problems.add(path, `is a ${nameKind(stat)}`, 'remove it, or ignore it');
  }

  #takeDirectory(path: string, stat: fs.Stats, later: string[]): void {
    if ((stat.mode & 0o500) !== 0o500) {
      this.problems.add(path, `has mode ${showMode(stat)}: its owner cannot list it`, 'chmod u+rx it, or ignore it');
      return;
    }
    this.folders += 1;
    this.entries.push({kind: 'directory', path, mode: stat.mode & 0o555, mtimeMs: stat.mtimeMs, ctimeMs: stat.ctimeMs});
    later.push(`${path}/`);
  }

  #takeFile(path: string, stat: fs.Stats): void {
    if ((stat.mode & 0o400) === 0) {
      this.problems.add(path, `has mode ${showMode(stat)}: its owner cannot read it`, 'chmod u+r it, or ignore it');
      return;
    }
    if ((stat.mode & 0o6000) !== 0) this.warnings.add(`the set-id bits of "${path}" (mode ${showMode(stat)}) are dropped`);
    const {size, mtimeMs, ctimeMs, ino} = stat;
    this.entries.push({kind: 'file', path, mode: stat.mode & 0o555, size, mtimeMs, ctimeMs, ino});
  }

  #takeLink(path: string): void {
    const bytes = fs.readlinkSync(`${this.#root}/${path}`, {encoding: 'buffer'});
    const target = bytes.toString();
    const why = Buffer.from(target).equals(bytes) ? explainTarget(target) : `is not valid UTF-8 (hex ${bytes.toString('hex')})`;
    if (why === undefined) this.entries.push({kind: 'link', path, target});
    else this.problems.add(path, `is a link whose target "${target}" ${why}`, 'make it relative and inside the tree, or ignore it');
  }
}

function explainFailure(code: string): string {
  if (code === 'ENOENT') return 'vanished while the tree was read';
  if (code === 'ENAMETOOLONG') return `is longer than ${pathLimitBytes} bytes together with its source`;
  return `cannot be read (${code})`;
}

function showMode(stat: fs.Stats): string {
  return (stat.mode & 0o7777).toString(8).padStart(4, '0');
}

function nameKind(stat: fs.Stats): string {
  if (stat.isFIFO()) return 'named pipe';
  if (stat.isSocket()) return 'socket';
  return stat.isBlockDevice() || stat.isCharacterDevice() ? 'device' : 'special file';
}

import {isUtf8} from 'node:buffer';
import {open, readFile, stat} from 'node:fs/promises';
import path from 'node:path';
import {DroverError, type Problem} from '../errors/drover-error.js';

/** Far above any honest file, far below what hurts. */
const maxBytes = 8 * 1024 * 1024;

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ELOOP: 'too many symbolic links',
  ENAMETOOLONG: 'its name is too long',
};

export interface FileFacts {
  /** Path as it is shown: relative to the working directory when it is below it. */
  readonly shown: string;
  readonly bytes: number;
  readonly isExecutable: boolean;
  /** The first 256 bytes, one character each. */
  readonly start: string;
}

/** A path as people know it. */
export function showPath(file: string): string {
  const relative = path.relative('', file);
  return relative === '' || relative.startsWith('..') || path.isAbsolute(relative) ? file : relative;
}

function refuse(message: string, fix?: string, position?: Pick<Problem, 'file' | 'line' | 'column'>): never {
  throw new DroverError({code: 'invalid-file', message, ...position, ...(fix === undefined ? {} : {fix})});
}

/** Turns what the file system said into words. */
function explainFailure(error: unknown, what: string, shown: string, createWith: string): never {
  const code = error instanceof Error && 'code' in error ? String(error.code) : undefined;
  if (code === undefined) throw error;
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    throw new DroverError({code: 'not-found', message: `${what} ${shown} not found`, fix: createWith});
  }
  return refuse(`cannot read ${shown}: ${reasons[code] ?? code}`, 'make it readable');
}

/** The place of the first byte that is not UTF-8. */
function findBadByte(bytes: Buffer): {readonly byte: number; readonly line: number; readonly column: number} {
  let [low, high] = [0, bytes.length];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    // A prefix may end inside a character; one of the next three bytes ends it if all is well.
    const isGood = [0, 1, 2, 3].some((more) => middle + more <= bytes.length && isUtf8(bytes.subarray(0, middle + more)));
    if (isGood) low = middle;
    else high = middle - 1;
  }
  let start = low;
  while (start > 0 && !isUtf8(bytes.subarray(0, start))) start--;
  const lines = bytes.subarray(0, start).toString('utf8').split('\n');
  return {byte: bytes[start] ?? 0, line: lines.length, column: (lines.at(-1) ?? '').length + 1};
}

/**
 * The text of bytes that must be UTF-8 without a byte order mark and without NUL.
 * Throws `invalid-file` that names the byte and its place.
 */
export function decodeText(bytes: Buffer, file: string): string {
  const fix = 'save it as UTF-8';
  const hex = (byte: number): string => `0x${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  if (!isUtf8(bytes)) {
    const {byte, line, column} = findBadByte(bytes);
    refuse(`not UTF-8 text: byte ${hex(byte)}`, fix, {file, line, column});
  }
  const text = bytes.toString('utf8');
  if (text.startsWith('\ufeff'))
    refuse('the file begins with a byte order mark', 'save it as UTF-8 without one', {file, line: 1, column: 1});
  const nul = text.indexOf('\0');
  if (nul >= 0) {
    const lines = text.slice(0, nul).split('\n');
    refuse('not text: byte 0x00', fix, {file, line: lines.length, column: (lines.at(-1) ?? '').length + 1});
  }
  return text;
}

interface ReadOptions {
  /** Its part in messages: `inventory`. */
  readonly what: string;
  /** The next step when it is missing. */
  readonly createWith: string;
  readonly signal: AbortSignal;
}

/**
 * What a file is, without reading it whole; never blocks on a pipe. Throws `not-found`, or `invalid-file` for directories, pipes, devices and
 * what cannot be read.
 */
export async function inspectFile(file: string, {what, createWith, signal}: ReadOptions): Promise<FileFacts> {
  const shown = showPath(file);
  try {
    signal.throwIfAborted();
    const status = await stat(file);
    if (status.isDirectory()) refuse(`${what} ${shown} is a directory`, 'name a file');
    if (!status.isFile()) refuse(`${what} ${shown} is not a regular file`, 'name a file');
    const handle = await open(file);
    try {
      const {buffer, bytesRead} = await handle.read(Buffer.alloc(256), 0, 256, 0);
      return {shown, bytes: status.size, isExecutable: (status.mode & 0o111) !== 0, start: buffer.toString('latin1', 0, bytesRead)};
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof DroverError || signal.aborted) throw error;
    return explainFailure(error, what, shown, createWith);
  }
}

/** The text of a regular file, at most 8 MiB of UTF-8. Throws as `inspectFile` and `decodeText` do. */
export async function readTextFile(file: string, options: ReadOptions): Promise<string> {
  const {shown, bytes} = await inspectFile(file, options);
  if (bytes > maxBytes) refuse(`${options.what} ${shown} has ${bytes} bytes, more than ${maxBytes}`, 'make it smaller');
  return decodeText(await readFile(file, {signal: options.signal}), shown);
}

import {createHash, randomBytes} from 'node:crypto';
import fs from 'node:fs';
import {hostname} from 'node:os';
import path from 'node:path';
import {DroverError} from '../errors/drover-error.js';
import {readErrorCode} from './error-code.js';

const dayMs = 86_400_000;
const temporaryName = /^\.tmp-([0-9a-f]{12})-([1-9][0-9]*)-[0-9a-f]{12}$/;

function readOptional(read: () => string): string {
  try {
    return read();
  } catch (error) {
    if (readErrorCode(error) === undefined) throw error;
    return '';
  }
}

/** Where a process id means the same process: this machine, since it was started, and this space of process ids. */
export function readProcessSpace(): string {
  const boot = readOptional(() => fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8'));
  const space = readOptional(() => fs.readlinkSync('/proc/self/ns/pid'));
  return createHash('sha256').update(`${hostname()}\n${boot}\n${space}`).digest('hex').slice(0, 12);
}

/** True when the process surely has ended; false when it lives, or nobody here can know. */
export function hasEnded(space: string, pid: number): boolean {
  if (space !== readProcessSpace()) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return readErrorCode(error) === 'ESRCH';
  }
}

/** A new name in `directory` that tells whose it is, so that leftovers of the dead can be removed. */
export function nameTemporary(directory: string): string {
  return path.join(directory, `.tmp-${readProcessSpace()}-${process.pid}-${randomBytes(6).toString('hex')}`);
}

export function isTemporary(name: string): boolean {
  return name.startsWith('.tmp-');
}

/** Removes temporary files and folders whose process has ended, or that are older than a day. */
export function removeLeftovers(directory: string, nowMs: number): void {
  for (const name of fs.readdirSync(directory)) {
    const [, space, pid] = temporaryName.exec(name) ?? [];
    if (space === undefined || pid === undefined) continue;
    const file = path.join(directory, name);
    const changedMs = fs.statSync(file, {throwIfNoEntry: false})?.mtimeMs;
    if (changedMs === undefined) continue;
    if (hasEnded(space, Number(pid)) || nowMs - changedMs > dayMs) fs.rmSync(file, {force: true, recursive: true});
  }
}

export function syncDirectory(directory: string): void {
  const descriptor = fs.openSync(directory, 'r');
  try {
    fs.fsyncSync(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
}

/** Makes a finished temporary file visible under its name, for good. The file's own bytes were flushed before. */
export function publish(temporary: string, file: string): void {
  fs.renameSync(temporary, file);
  syncDirectory(path.dirname(file));
}

/** Writes a small file that is either there whole, also after a power cut, or not at all. */
export function writeDurably(file: string, content: string | Uint8Array): void {
  const temporary = nameTemporary(path.dirname(file));
  try {
    const descriptor = fs.openSync(temporary, 'wx', 0o644);
    try {
      fs.writeFileSync(descriptor, content);
      fs.fsyncSync(descriptor);
    } finally {
      fs.closeSync(descriptor);
    }
    publish(temporary, file);
  } catch (error) {
    fs.rmSync(temporary, {force: true});
    throw error;
  }
}

/** The bytes of a file, undefined when it does not exist. */
export function readIfThere(file: string): Buffer | undefined {
  try {
    return fs.readFileSync(file);
  } catch (error) {
    if (readErrorCode(error) === 'ENOENT') return undefined;
    throw explainUnreadable(file, error);
  }
}

/** The names in a directory, sorted; none when it does not exist. Temporary files are not among them. */
export function listIfThere(directory: string): string[] {
  try {
    return fs
      .readdirSync(directory)
      .filter((name) => !isTemporary(name))
      .sort();
  } catch (error) {
    if (readErrorCode(error) === 'ENOENT') return [];
    throw explainUnreadable(directory, error);
  }
}

/** A disk that fails is no bug of ours, and its message names no file. */
function explainUnreadable(file: string, error: unknown): unknown {
  if (readErrorCode(error) !== 'EIO') return error;
  return new DroverError({code: 'invalid-file', message: `${file} cannot be read: input/output error (EIO)`, fix: 'check the disk'});
}

import {execFile} from 'node:child_process';
import {readFile, rename, rm, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {promisify} from 'node:util';

/** What the background process of a lab leaves in `lab.json`, so that it can be found again and told from a stranger. */
export interface LabRecord {
  readonly pid: number;
  /** When the process began, in whatever form this system tells; with the pid it names one process for ever. */
  readonly born: string;
  /** Proves to the control socket that the asker may read this folder. */
  readonly token: string;
}

function locateRecord(dir: string): string {
  return path.join(dir, 'lab.json');
}

export async function writeRecord(dir: string, record: LabRecord): Promise<void> {
  const file = locateRecord(dir);
  await writeFile(`${file}.new`, `${JSON.stringify(record)}\n`, {mode: 0o600});
  await rename(`${file}.new`, file);
}

/** Undefined where there is none, or none that can be read as one. */
export async function readRecord(dir: string): Promise<LabRecord | undefined> {
  const text = await readFile(locateRecord(dir), 'utf8').catch(() => '');
  try {
    const record: unknown = JSON.parse(text);
    return isRecord(record) ? record : undefined;
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is LabRecord {
  if (typeof value !== 'object' || value === null) return false;
  const {pid, born, token} = value as Partial<Record<keyof LabRecord, unknown>>;
  return typeof pid === 'number' && Number.isInteger(pid) && pid > 1 && typeof born === 'string' && typeof token === 'string';
}

export async function removeRecord(dir: string): Promise<void> {
  await rm(locateRecord(dir), {force: true});
}

/** True when the process of the record is alive, and is not another one that got its pid later. */
export async function isAlive({pid, born}: Pick<LabRecord, 'pid' | 'born'>): Promise<boolean> {
  return (await readBirth(pid)) === born;
}

/** Undefined when there is no such process. Linux: boot id and start time in ticks; elsewhere what ps prints. */
export async function readBirth(pid: number): Promise<string | undefined> {
  const bootId = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => undefined);
  if (bootId !== undefined) {
    const fields = await readFile(`/proc/${pid}/stat`, 'utf8').then(parseStatFields, () => undefined);
    return fields === undefined || fields[0] === 'Z' ? undefined : `${bootId.trim()} ${fields[19]}`;
  }
  const listed = await promisify(execFile)('ps', ['-o', 'lstart=', '-p', String(pid)]).catch(() => undefined);
  return listed?.stdout.trim() || undefined;
}

/** The fields after the command name, which may itself hold spaces and parentheses: first the state, twentieth the start time. */
function parseStatFields(stat: string): string[] {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

import {spawn} from 'node:child_process';
import {randomUUID} from 'node:crypto';
import {mkdir, open, readFile} from 'node:fs/promises';
import path from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {DroverError} from '../errors/drover-error.js';
import {type LabOptions, startLab} from './lab.js';
import {askLab, type LabDescription, openControl} from './lab-control.js';
import {isAlive, type LabRecord, readBirth, readRecord, removeRecord, writeRecord} from './lab-record.js';

/** `hung`: the process lives, and does not answer. */
export type LabStatus = ({readonly kind: 'up'} & LabDescription) | {readonly kind: 'hung'; readonly pid: number} | {readonly kind: 'down'};

const answerTimeoutMs = 2000;
const startTimeoutMs = 20_000;
const endTimeoutMs = 10_000;
const pollMs = 50;

/**
 * What the background process does: runs a lab until it is asked to end, or `signal` aborts; then stops it and returns.
 * Throws what `startLab` throws.
 */
export async function serveLab(options: LabOptions): Promise<void> {
  const {signal} = options;
  const born = await readBirth(process.pid);
  if (born === undefined) throw new Error('this system does not tell when a process began');
  const token = randomUUID();
  const lab = await startLab(options);
  const asked = new AbortController();
  try {
    const control = await openControl({lab, token, onDown: () => asked.abort()});
    await writeRecord(lab.dir, {pid: process.pid, born, token});
    await waitForAbort(AbortSignal.any([signal, asked.signal]));
    await removeRecord(lab.dir);
    await control.close();
  } finally {
    await lab.stop();
  }
}

function waitForAbort(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener('abort', () => resolve(), {once: true});
  });
}

interface LabUpOptions {
  readonly dir: string;
  /** Program and arguments of the process that calls `serveLab` for `dir`. */
  readonly entry: readonly [string, ...string[]];
  readonly signal: AbortSignal;
}

/**
 * Starts the lab of `dir` in the background and returns when it answers; a lab that is up already is simply described.
 * What the process prints goes to `lab.log`. When it does not come up, it is ended, and its last words are in the error.
 */
export async function labUp({dir, entry, signal}: LabUpOptions): Promise<LabDescription> {
  const known = await labStatus({dir});
  if (known.kind === 'up') return known;
  if (known.kind === 'hung')
    throw new DroverError({code: 'refused', message: `the lab in ${dir} (process ${known.pid}) does not answer`, fix: 'drover lab down'});
  await mkdir(dir, {recursive: true, mode: 0o700});
  const logPath = path.join(dir, 'lab.log');
  const log = await open(logPath, 'w', 0o600);
  const [program, ...args] = entry;
  const child = spawn(program, args, {detached: true, stdio: ['ignore', log.fd, log.fd]});
  let ended = false;
  for (const ending of ['error', 'exit']) {
    child.once(ending, () => {
      ended = true;
    });
  }
  await log.close();
  try {
    for (let waitedMs = 0; waitedMs < startTimeoutMs; waitedMs += pollMs) {
      const status = await labStatus({dir});
      if (status.kind === 'up') return status;
      if (ended) break;
      await sleep(pollMs, undefined, {signal});
    }
    throw await explainFailedStart(logPath, ended);
  } catch (error) {
    if (!ended) child.kill('SIGTERM');
    throw error;
  } finally {
    child.unref();
  }
}

async function explainFailedStart(logPath: string, ended: boolean): Promise<DroverError> {
  const lines = (await readFile(logPath, 'utf8')).trimEnd().split('\n');
  const how = ended ? 'the lab ended while it was starting' : `the lab did not answer within ${startTimeoutMs / 1000} s`;
  return new DroverError({code: 'refused', message: `${how}: ${lines.at(-1) ?? ''}`, fix: `read ${logPath}`});
}

/** What is in `dir` now. The record of a lab that was killed counts as down. */
export async function labStatus({dir}: {dir: string}): Promise<LabStatus> {
  const record = await readRecord(dir);
  if (record === undefined) return {kind: 'down'};
  const description = await askLab({dir, token: record.token, command: 'status', timeoutMs: answerTimeoutMs});
  if (description !== undefined) return {kind: 'up', ...description};
  return (await isAlive(record)) ? {kind: 'hung', pid: record.pid} : {kind: 'down'};
}

/**
 * Ends the lab of `dir`, and nothing else: asked over its control socket first; a process that does not answer is
 * signalled only if it is the very one of the record. True when there was one to end.
 */
export async function labDown({dir, signal}: {dir: string; signal: AbortSignal}): Promise<boolean> {
  const record = await readRecord(dir);
  if (record === undefined) return false;
  const wasAlive = await isAlive(record);
  const answered = await askLab({dir, token: record.token, command: 'down', timeoutMs: answerTimeoutMs});
  if (answered !== undefined && (await waitUntilGone(record, signal))) return true;
  for (const kill of ['SIGTERM', 'SIGKILL'] as const) {
    if (!(await isAlive(record))) break;
    process.kill(record.pid, kill);
    await waitUntilGone(record, signal);
  }
  await removeRecord(dir);
  return wasAlive;
}

async function waitUntilGone(record: LabRecord, signal: AbortSignal): Promise<boolean> {
  for (let waitedMs = 0; waitedMs < endTimeoutMs; waitedMs += pollMs) {
    if (!(await isAlive(record))) return true;
    await sleep(pollMs, undefined, {signal});
  }
  return false;
}

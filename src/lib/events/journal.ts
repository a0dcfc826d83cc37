import {chmod, constants, type FileHandle, open, readdir, readFile, rmdir, unlink} from 'node:fs/promises';
import path from 'node:path';
import {DroverError} from '../errors/drover-error.js';
import type {DroverEvent, Sink} from './event.js';
import {formatEventLine, parseEventLines} from './event-line.js';
import {isInterim} from './interim.js';
import {makeFolders} from './make-folders.js';
import {mustBeDurable} from './mutation.js';
import {isRunId, parseRunId} from './run-id.js';

const endBytes = 65_536;
/** A plan comes after every host was read, which thousands of hosts fill with this. */
const headBytes = 1024 * 1024;

/** What `readRun` found. `torn`: the last record was cut while being written and is left out. */
export interface RecordedRun {
  readonly run: string;
  readonly file: string;
  readonly events: readonly DroverEvent[];
  readonly torn: boolean;
}

/** The two ends of a run's journal, and its plan: enough for a list. A run without `ended` is going on, or its controller died. */
export interface RunEntry {
  readonly run: string;
  readonly file: string;
  readonly started?: DroverEvent & {readonly kind: 'run-started'};
  readonly planned?: DroverEvent & {readonly kind: 'planned'};
  readonly ended?: DroverEvent & {readonly kind: 'run-ended'};
}

function locateJournal(stateDir: string, run: string): string {
  return path.join(stateDir, 'runs', parseRunId(run), 'events.ndjson');
}

function readErrno(reason: unknown): string {
  return reason instanceof Error && 'code' in reason && typeof reason.code === 'string' ? reason.code : String(reason);
}

function refuse(file: string, reason: unknown): DroverError {
  const errno = readErrno(reason);
  const full = errno === 'ENOSPC' || errno === 'EDQUOT';
  return new DroverError({
    code: 'refused',
    message: full ? `the disk of the journal ${file} is full (${errno})` : `the journal ${file} cannot be written (${errno})`,
    file,
    fix: full
      ? 'free space there; nothing further is changed without a record'
      : 'make it writable; nothing further is changed without a record',
  });
}

/** Makes one directory readable by its owner alone, whatever the umask. */
async function makePrivate(dir: string): Promise<void> {
  await makeFolders(dir);
  await chmod(dir, 0o700);
}

async function syncDirectory(dir: string): Promise<void> {
  const handle = await open(dir, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Cuts a record that an earlier writer did not finish; returns the size that is left. */
async function cutTornLine(handle: FileHandle): Promise<number> {
  const {size} = await handle.stat();
  const text = Buffer.alloc(size);
  await handle.read(text, 0, size, 0);
  const whole = text.lastIndexOf(0x0a) + 1;
  if (whole < size) await handle.truncate(whole);
  return whole;
}

/**
 * Opens the operator's journal of one run, `<stateDir>/runs/<run>/events.ndjson` (0700/0600, append only). `accept`
 * resolves when the record is written, and for records that announce or conclude a change when it is on disk; records
 * of the same moment share one write and one flush. A write that fails rejects with `refused` naming the path; the next
 * record first cuts what is left of it, and tries again. Of `transfer` only the last
 * (all bytes sent) is recorded. A journal without any record is taken away when it is closed.
 */
export async function openJournal({
  stateDir,
  run,
}: {
  readonly stateDir: string;
  readonly run: string;
}): Promise<Sink & {readonly file: string}> {
  const file = locateJournal(stateDir, run);
  const dir = path.dirname(file);
  let handle: FileHandle;
  let size: number;
  try {
    await makeFolders(stateDir);
    await makePrivate(path.dirname(dir));
    await makePrivate(dir);
    handle = await open(file, constants.O_RDWR | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW, 0o600);
    await handle.chmod(0o600);
    size = await cutTornLine(handle);
    await syncDirectory(dir);
    await syncDirectory(path.dirname(dir));
  } catch (reason) {
    throw refuse(file, reason);
  }

  let waiting: {readonly event: DroverEvent; readonly resolve: () => void; readonly reject: (reason: DroverError) => void}[] = [];
  let writing: Promise<void> | undefined;
  let torn = false;

  async function writeAll(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      const bytes = Buffer.from(batch.map(({event}) => formatEventLine(event)).join(''));
      try {
        if (torn) await handle.truncate(size);
        torn = false;
        await handle.appendFile(bytes);
        if (batch.some(({event}) => mustBeDurable(event))) await handle.datasync();
        size += bytes.length;
        for (const {resolve} of batch) resolve();
      } catch (reason) {
        torn = true;
        const problem = refuse(file, reason);
        for (const {reject} of batch) reject(problem);
      }
    }
    writing = undefined;
  }

  return {
    file,
    async accept(event) {
      if (isInterim(event)) return;
      await new Promise<void>((resolve, reject) => {
        waiting.push({event, resolve, reject});
        writing ??= writeAll();
      });
    },
    async close() {
      await writing;
      await handle.close();
      if (size > 0) return;
      await unlink(file);
      await rmdir(dir);
    },
  };
}

/** Reads one run back. Throws `not-found`, or `invalid-file` with the line that is no event. */
export async function readRun(stateDir: string, run: string): Promise<RecordedRun> {
  const file = locateJournal(stateDir, run);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (reason) {
    throw new DroverError({
      code: 'not-found',
      message: `run ${run} has no journal here: ${file} (${readErrno(reason)})`,
      file,
      fix: 'drover history lists the runs of this machine; the hosts hold their own journals: drover status',
    });
  }
  return {run, file, ...parseEventLines(text, file)};
}

async function readEnds(file: string): Promise<{readonly first?: DroverEvent; readonly plan?: DroverEvent; readonly last?: DroverEvent}> {
  const handle = await open(file, 'r');
  try {
    const {size} = await handle.stat();
    const head = await handle.read(Buffer.alloc(Math.min(size, headBytes)), 0, undefined, 0);
    const tail = await handle.read(Buffer.alloc(Math.min(size, endBytes)), 0, undefined, Math.max(0, size - endBytes));
    const firstLines = head.buffer.toString('utf8', 0, head.bytesRead).split('\n');
    const lastLines = tail.buffer.toString('utf8', 0, tail.bytesRead).split('\n');
    const parse = (line: string | undefined) =>
      line === undefined || line === '' ? undefined : parseEventLines(`${line}\n`, file).events[0];
    return {
      first: firstLines.length > 1 ? parse(firstLines[0]) : undefined,
      plan: parse(firstLines.slice(0, -1).find((line) => line.includes('"kind":"planned"'))),
      last: lastLines.length > 1 ? parse(lastLines.at(-2)) : undefined,
    };
  } finally {
    await handle.close();
  }
}

/** The runs recorded on this machine, newest first. A journal that cannot be read is listed without its ends. */
export async function listRuns(stateDir: string): Promise<readonly RunEntry[]> {
  const names = await readdir(path.join(stateDir, 'runs')).catch((reason: unknown) => {
    if (readErrno(reason) === 'ENOENT') return [];
    const dir = path.join(stateDir, 'runs');
    throw new DroverError({
      code: 'refused',
      message: `the journals in ${dir} cannot be read (${readErrno(reason)})`,
      file: dir,
      fix: 'give its owner the right to read it',
    });
  });
  const entries: RunEntry[] = [];
  for (const run of names.filter(isRunId)) {
    const file = locateJournal(stateDir, run);
    const {first, plan, last} = await readEnds(file).catch(() => ({first: undefined, plan: undefined, last: undefined}));
    entries.push({
      run,
      file,
      ...(first?.kind === 'run-started' ? {started: first} : {}),
      ...(plan?.kind === 'planned' ? {planned: plan} : {}),
      ...(last?.kind === 'run-ended' ? {ended: last} : {}),
    });
  }
  // An id tells whole seconds.
  const moment = ({run, started}: RunEntry): string => `${run.slice(0, 15)} ${started?.at ?? ''} ${run}`;
  return entries.sort((one, other) => (moment(one) < moment(other) ? 1 : -1));
}

/** The run that `text` names: a whole id, its last four characters, or `latest`. Throws `not-found` or `usage`. */
export async function resolveRun(stateDir: string, text: string): Promise<string> {
  const runs = (await listRuns(stateDir)).map(({run}) => run);
  if (text !== 'latest' && !/^[0-9a-z]{4}$/.test(text)) return parseRunId(text);
  const [run, second] = text === 'latest' ? runs.slice(0, 1) : runs.filter((name) => name.endsWith(`-${text}`));
  if (run !== undefined && second === undefined) return run;
  if (run === undefined) {
    throw new DroverError({
      code: 'not-found',
      message: `no run ${JSON.stringify(text)} is recorded in ${path.join(stateDir, 'runs')}`,
      fix: 'drover history lists the runs',
    });
  }
  throw new DroverError({code: 'usage', message: `run ${JSON.stringify(text)} could be ${run} or ${second}`, fix: 'write the whole id'});
}

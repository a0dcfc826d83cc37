import {type ChildProcessByStdio, spawn} from 'node:child_process';
import type {Readable} from 'node:stream';
import {setTimeout as sleep} from 'node:timers/promises';
import {tellLines} from './tell-lines.js';

type Child = ChildProcessByStdio<null, Readable, Readable>;

export interface ProgramRequest {
  readonly command: readonly [string, ...string[]];
  /** The working directory. */
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
  /** Hears each line of standard error, and of standard output when nobody takes that. */
  readonly say: (line: string) => void;
  /** Reads standard output to its end. */
  readonly take?: (output: Readable) => Promise<void>;
}

/** How a program ended. `late`: it was ended at its deadline. `unstartable`: there is no such program. */
export type ProgramEnd =
  | {readonly kind: 'exited'; readonly status: number}
  | {readonly kind: 'killed'; readonly signal: string}
  | {readonly kind: 'late'}
  | {readonly kind: 'unstartable'; readonly why: string};

/** After its end a program's pipes may be held by what it left running; they are waited for this long. */
const lingerMs = 1000;
/** From SIGTERM to SIGKILL. */
const graceMs = 5000;

/**
 * Runs a program of this machine in a process group of its own; the whole group goes when it ends, is late, or `signal` aborts (which
 * rejects). When `take` fails the program is ended and the failure thrown on, unless the program had failed by itself.
 */
export async function runProgram({command, folder, env, deadlineMs, signal, say, take}: ProgramRequest): Promise<ProgramEnd> {
  signal.throwIfAborted();
  const [file, ...words] = command;
  const child: Child = spawn(file, words, {cwd: folder, env, detached: true, stdio: ['ignore', 'pipe', 'pipe']});
  const over = new AbortController();
  const ended = new Promise<ProgramEnd>((resolve) => {
    child.once('error', (error) => resolve({kind: 'unstartable', why: error.message}));
    child.once('exit', (status, name) => resolve(name === null ? {kind: 'exited', status: status ?? 1} : {kind: 'killed', signal: name}));
  });
  const closed = new Promise<void>((resolve) => void child.once('close', () => resolve()).once('error', () => resolve()));
  const late = AbortSignal.timeout(deadlineMs);
  const giveUp = AbortSignal.any([signal, late]);
  const stop = (): void => void endGroup(child, over.signal);
  giveUp.addEventListener('abort', stop, {once: true});
  try {
    const told = [tellLines(child.stderr, say), ...(take === undefined ? [tellLines(child.stdout, say)] : [])];
    const failure = take === undefined ? undefined : await take(child.stdout).then(() => undefined, asFailure);
    // What stops reading before the end will not see the end of a program that goes on writing.
    const isCut = failure !== undefined && !child.stdout.readableEnded;
    if (isCut) stop();
    const end = await ended;
    killGroup(child, 'SIGKILL');
    await Promise.race([closed, sleep(lingerMs, undefined, {signal: over.signal}).catch(() => undefined)]);
    child.stdout.destroy();
    child.stderr.destroy();
    await Promise.all(told);
    signal.throwIfAborted();
    if (late.aborted) return {kind: 'late'};
    if (failure !== undefined && (isCut || (end.kind === 'exited' && end.status === 0))) throw failure.reason;
    return end;
  } finally {
    giveUp.removeEventListener('abort', stop);
    over.abort();
  }
}

function asFailure(reason: unknown): {readonly reason: unknown} {
  return {reason};
}

async function endGroup(child: Child, over: AbortSignal): Promise<void> {
  killGroup(child, 'SIGTERM');
  const waited = await sleep(graceMs, true, {signal: over, ref: false}).catch(() => false);
  if (waited) killGroup(child, 'SIGKILL');
}

/** Nobody is left in the group: nothing to do. */
function killGroup(child: Child, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    child.kill(signal);
  }
}

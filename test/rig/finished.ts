import type {ChildProcess} from 'node:child_process';
import {spawn} from 'node:child_process';

/** How a command ended and what it printed, decoded as UTF-8. `status` is null where a signal ended it. */
export interface Finished {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly input?: string | Buffer;
  /** Killed after this long, 60 s where it is left out: `signal` is then SIGKILL. */
  readonly timeoutMs?: number;
}

/** Runs a command to its end; rejects only where it could not be started. */
export async function runToEnd(argv: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const [file, ...args] = argv;
  if (file === undefined) throw new Error('a command needs at least one word');
  const child = spawn(file, args, {env: options.env, cwd: options.cwd, stdio: ['pipe', 'pipe', 'pipe']});
  return collect(child, options);
}

/** As `runToEnd`, but anything but status 0 rejects with what was printed. Returns standard output. */
export async function runChecked(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const ended = await runToEnd(argv, options);
  if (ended.status === 0) return ended.stdout;
  throw new Error(`${argv.join(' ')} ended with ${ended.status ?? ended.signal}: ${ended.stderr.trim() || ended.stdout.trim()}`);
}

/**
 * Feeds a process, waits for its end and for the last byte of its output. After the timeout it is killed, and what it left behind with
 * its output open is not waited for.
 */
export function collect(child: ChildProcess, options: Pick<RunOptions, 'input' | 'timeoutMs'> = {}): Promise<Finished> {
  const pieces = {stdout: [] as Buffer[], stderr: [] as Buffer[]};
  child.stdout?.on('data', (piece: Buffer) => pieces.stdout.push(piece));
  child.stderr?.on('data', (piece: Buffer) => pieces.stderr.push(piece));
  // A command may end without reading its input.
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(options.input);
  const timer = setTimeout(() => {
    child.kill('SIGKILL');
    child.stdout?.destroy();
    child.stderr?.destroy();
  }, options.timeoutMs ?? 60_000);
  return new Promise((resolve, reject) => {
    child.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.once('close', (status, signal) => {
      clearTimeout(timer);
      resolve({status, signal, stdout: Buffer.concat(pieces.stdout).toString(), stderr: Buffer.concat(pieces.stderr).toString()});
    });
  });
}

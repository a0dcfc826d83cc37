import type {ChildProcess} from 'node:child_process';
import {spawn} from 'node:child_process';
import {closeSync, existsSync, openSync, readFileSync} from 'node:fs';
import {fileURLToPath} from 'node:url';

/** A process that holds namespaces, until it is killed or the process that started it ends in whatever way. */
export interface NamespaceProcess {
  /** As the machine counts; of the first process inside where there is a PID namespace. */
  readonly pid: number;
  isAlive(): boolean;
  /** Kills everything in its PID namespace; resolves when the last process is gone. Safe to call twice. */
  kill(): Promise<void>;
}

/** The path of one of the rig's own scripts in `boot/`. */
export function bootScript(name: string): string {
  return fileURLToPath(new URL(`boot/${name}`, import.meta.url));
}

/**
 * Starts a script that answers `ready` on its standard output, and before it perhaps `pid N`. Its standard error goes to `logFile`, which
 * is quoted when the script ends early. Rejects after `deadlineMs`, and kills what it started.
 */
export async function startNamespaceProcess(options: {
  readonly argv: readonly string[];
  readonly logFile: string;
  readonly deadlineMs: number;
}): Promise<NamespaceProcess> {
  const log = openSync(options.logFile, 'a');
  const env = {PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C.UTF-8'};
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', ...options.argv], {env, cwd: '/', stdio: ['ignore', 'pipe', log]});
  closeSync(log);
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
    child.once('error', () => resolve());
  });
  const isAlive = () => child.pid !== undefined && child.exitCode === null && child.signalCode === null;
  let pid: number | undefined;
  const kill = async () => {
    if (isAlive()) endQuietly(pid ?? child.pid);
    await ended;
  };
  try {
    pid = await readUntilReady({child, ended, ...options});
  } catch (error) {
    await kill();
    throw error;
  }
  child.unref();
  child.stdout?.destroy();
  return {pid: pid ?? child.pid ?? 0, isAlive, kill};
}

function readUntilReady(options: {
  readonly child: ChildProcess;
  readonly ended: Promise<void>;
  readonly logFile: string;
  readonly argv: readonly string[];
  readonly deadlineMs: number;
}): Promise<number | undefined> {
  const {child, logFile} = options;
  return new Promise((resolve, reject) => {
    let text = '';
    let isReady = false;
    const fail = (what: string) => {
      // A host ends with its rig, when its log may be gone already: only an end before it was ready is a failure.
      if (isReady) return;
      const log = existsSync(logFile) ? readFileSync(logFile, 'utf8').slice(-2000).trim() : 'no log';
      reject(new Error(`${options.argv.join(' ')} ${what}: ${log}`));
    };
    const timer = setTimeout(() => fail(`was not ready after ${options.deadlineMs} ms`), options.deadlineMs);
    child.once('error', (error) => fail(error.message));
    child.stdout?.on('data', (piece: Buffer) => {
      text += piece.toString();
      if (!/^ready$/m.test(text)) return;
      clearTimeout(timer);
      isReady = true;
      const answer = /^pid (\d+)$/m.exec(text)?.[1];
      resolve(answer === undefined ? undefined : Number(answer));
    });
    void options.ended.then(() => {
      clearTimeout(timer);
      fail(`ended with ${child.exitCode ?? child.signalCode}`);
    });
  });
}

function endQuietly(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

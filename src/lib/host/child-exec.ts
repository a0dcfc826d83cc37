import {type ChildProcessByStdio, spawn} from 'node:child_process';
import type {Readable, Writable} from 'node:stream';
import {runOnStreams} from './exec-streams.js';
import type {ExecRequest, ExecResult, Exit} from './link.js';

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/**
 * Runs one program of this machine by the rules of a link. It gets a process group of its own: a Ctrl-C at the terminal is drover's to
 * handle, and giving the command up ends all of it. With `carrier` the program only carries a command that runs elsewhere: the status 255,
 * or a signal, says that the carrier failed, and nothing of the command.
 */
export async function runChild(
  request: ExecRequest,
  command: readonly [string, ...string[]],
  options: {readonly env: NodeJS.ProcessEnv; readonly cwd?: string; readonly carrier?: boolean},
): Promise<ExecResult> {
  const [file, ...words] = command;
  const child: Child = spawn(file, words, {stdio: ['pipe', 'pipe', 'pipe'], detached: true, env: options.env, cwd: options.cwd});
  return runOnStreams(request, {
    stdin: child.stdin,
    stdout: child.stdout,
    stderr: child.stderr,
    end: () => endChild(child),
    exit: (settle) => {
      child.on('error', (error) => settle({kind: 'lost', reason: error.message}));
      child.on('exit', (status, signal) => settle(readExit(status, signal, options.carrier === true)));
    },
    closed: (done) => {
      child.on('close', done);
      child.on('error', done);
    },
  });
}

function readExit(status: number | null, signal: NodeJS.Signals | null, carrier: boolean): Exit {
  if (carrier && (signal !== null || status === 255)) return {kind: 'lost', reason: 'the connection closed'};
  return signal === null ? {kind: 'exited', status: status ?? 1} : {kind: 'killed', signal};
}

/** The whole group goes; what left the group and holds our pipes must not hold us. */
function endChild(child: Child): void {
  if (child.pid !== undefined) {
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      child.kill('SIGKILL');
    }
  }
  for (const pipe of [child.stdin, child.stdout, child.stderr]) pipe.destroy();
}

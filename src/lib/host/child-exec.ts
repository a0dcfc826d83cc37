import {type ChildProcessByStdio, spawn} from 'node:child_process';
import type {Readable, Writable} from 'node:stream';
import {runOnStreams} from './exec-streams.js';
import type {ExecRequest, ExecResult} from './link.js';

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/**
 * Runs one program of this machine by the rules of a link. It gets a process group of its own: a Ctrl-C at the terminal is drover's to
 * handle, and giving the command up ends all of it. `lostStatus` is the status that means the carrier failed, not the command.
 */
export async function runChild(
  request: ExecRequest,
  command: readonly [string, ...string[]],
  options: {readonly env: NodeJS.ProcessEnv; readonly cwd?: string; readonly lostStatus?: number},
): Promise<ExecResult> {
  const [file, ...words] = command;
  const child: Child = spawn(file, words, {stdio: ['pipe', 'pipe', 'pipe'], detached: true, env: options.env, cwd: options.cwd});
  let failure: Error | undefined;
  child.on('error', (error) => {
    failure = error;
  });
  return runOnStreams(request, {
    stdin: child.stdin,
    stdout: child.stdout,
    stderr: child.stderr,
    end: () => endGroup(child),
    exit: (settle) => {
      child.on('error', (error) => settle({kind: 'lost', reason: error.message}));
      child.on('exit', (status, signal) => {
        if (signal !== null) settle({kind: 'killed', signal});
        else if (status === options.lostStatus) settle({kind: 'lost', reason: 'the connection closed'});
        else settle({kind: 'exited', status: status ?? 1});
      });
    },
    closed: (done) => {
      child.on('close', done);
      child.on('error', () => done());
      if (failure !== undefined) done();
    },
  });
}

function endGroup(child: Child): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    child.kill('SIGKILL');
  }
}

import {spawn} from 'node:child_process';
import path from 'node:path';
import {DroverError} from '../errors/drover-error.js';
import {expectTrusted, type Trust} from './trusted-file.js';

const timeLimitMs = 30_000;
const sizeLimitBytes = 64 * 1024 * 1024;

export interface ProgramTrust extends Trust {
  readonly env: NodeJS.ProcessEnv;
}

/**
 * Runs an inventory program and gives what it prints. A program runs only once a person trusted this very content of it, so that a cloned
 * repository executes nothing; it sees a minimal environment and has 30 s and 64 MiB.
 */
export async function runTrustedProgram(program: string, trust: ProgramTrust, signal: AbortSignal): Promise<string> {
  const file = path.resolve(program);
  await expectTrusted(file, `inventory program ${program}`, trust);
  return runProgram(file, program, trust.env, signal);
}

function runProgram(file: string, shown: string, env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<string> {
  const fail = (why: string): DroverError =>
    new DroverError({code: 'invalid-file', message: `inventory program ${shown} ${why}`, fix: 'fix it or use a file'});
  return new Promise((resolve, reject) => {
    const minimal = {PATH: env.PATH ?? '/usr/bin:/bin', HOME: env.HOME ?? '/', LANG: 'C.UTF-8'};
    const child = spawn(file, ['--list'], {env: minimal, stdio: ['ignore', 'pipe', 'pipe'], cwd: path.dirname(file), signal});
    const pieces: Buffer[] = [];
    let bytes = 0;
    let complaint = '';
    const end = (why: string): void => {
      child.kill('SIGKILL');
      reject(fail(why));
    };
    const timer = setTimeout(() => end(`was not done after ${timeLimitMs / 1000} s`), timeLimitMs);
    child.stdout.on('data', (piece: Buffer) => {
      bytes += piece.length;
      if (bytes > sizeLimitBytes) end(`printed more than ${sizeLimitBytes / 1024 / 1024} MiB`);
      else pieces.push(piece);
    });
    child.stderr.on('data', (piece: Buffer) => {
      complaint = (complaint + piece.toString('utf8')).slice(-2000);
    });
    child.on('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      reject(signal.aborted ? error : fail(`cannot be run: ${error.code ?? error.message}`));
    });
    child.on('close', (status, killer) => {
      clearTimeout(timer);
      if (status === 0) resolve(Buffer.concat(pieces).toString('utf8'));
      else
        reject(fail(`${killer === null ? `exited ${status}` : `was killed by ${killer}`}: "${complaint.trim().split('\n').at(-1) ?? ''}"`));
    });
  });
}

import {spawn} from 'node:child_process';
import {fileURLToPath} from 'node:url';

export const program = fileURLToPath(new URL('../../bin/run.js', import.meta.url));

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the built command line as a shell would, without a terminal and with an environment of its own. */
export function runDrover(
  words: readonly string[],
  options: {readonly cwd: string; readonly env?: Readonly<Record<string, string>>; readonly stdin?: Buffer},
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const env = {PATH: process.env.PATH ?? '', HOME: options.cwd, ...options.env};
    const child = spawn(process.execPath, [program, ...words], {
      cwd: options.cwd,
      env,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    // A command that does not read it has ended before.
    child.stdin.on('error', () => undefined).end(options.stdin);
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', (status) => resolve({status, stdout, stderr}));
  });
}

import {spawn} from 'node:child_process';
import {mkdtempSync, readFileSync, rmSync} from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** One run of a program, its children included. */
export interface Sample {
  readonly wallS: number;
  readonly cpuS: number;
  /** Of the largest process. */
  readonly rssMb: number;
  /** What servers on this machine worked for it, where that is counted. */
  readonly serverCpuS?: number;
}

export interface MeasureOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs a program to its end under GNU time; throws with the end of what it wrote when it fails. */
export async function measure([program = '', ...args]: readonly string[], {cwd, env = {}}: MeasureOptions): Promise<Sample> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'drover-measure-'));
  try {
    const note = path.join(folder, 'time');
    const startedMs = performance.now();
    const {status, output} = await run(['-q', '-f', '%U %S %M', '-o', note, program, ...args], {cwd, env: {...process.env, ...env}});
    const wallS = (performance.now() - startedMs) / 1000;
    if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${status}:\n${output.slice(-2000)}`);
    const [user = 0, system = 0, kilobytes = 0] = readFileSync(note, 'utf8').trim().split(' ').map(Number);
    return {wallS, cpuS: user + system, rssMb: kilobytes / 1024};
  } finally {
    rmSync(folder, {recursive: true, force: true});
  }
}

function run(args: readonly string[], options: {cwd: string; env: NodeJS.ProcessEnv}): Promise<{status: number | null; output: string}> {
  return new Promise((resolve, reject) => {
    const child = spawn('/usr/bin/time', args, {...options, stdio: ['ignore', 'pipe', 'pipe']});
    let output = '';
    const keep = (chunk: Buffer): void => {
      output = `${output}${chunk.toString()}`.slice(-8000);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', reject);
    child.on('close', (status) => resolve({status, output}));
  });
}

import {execFile} from 'node:child_process';
import {DroverError} from '../errors/drover-error.js';
import type {Host} from '../inventory/host.js';
import {sshArguments} from './ssh-arguments.js';

/** What `ssh -G` says of a host. */
export interface SshAnswer {
  /** By the keyword in small letters. */
  readonly values: ReadonlyMap<string, readonly string[]>;
  /** The configuration files that it read; undefined where it did not tell. */
  readonly files: readonly string[] | undefined;
}

/** Asks ssh, which knows Include, Match and tokens. Undefined where there is none; throws `unreachable` with what it said. */
export async function askSsh(host: Host, env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<SshAnswer | undefined> {
  return ask([...sshArguments(host), '--', host.name], {host: host.name, env, signal});
}

/** What ssh says where nothing is configured. */
export async function askUsual(env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<SshAnswer | undefined> {
  return ask(['-F', '/dev/null', '--', 'localhost'], {host: 'localhost', env, signal});
}

async function ask(
  words: readonly string[],
  {host, env, signal}: {readonly host: string; readonly env: NodeJS.ProcessEnv; readonly signal: AbortSignal},
): Promise<SshAnswer | undefined> {
  const {problem, stdout, stderr} = await runSsh(['-v', '-G', ...words], env, signal);
  signal.throwIfAborted();
  if (problem?.code === 'ENOENT') return undefined;
  if (problem !== null) {
    const said = (stderr || problem.message).trim().split('\n').at(-1);
    throw new DroverError({
      code: 'unreachable',
      message: `ssh -G ${host} failed: ${said}`,
      host,
      fix: 'correct your ssh_config',
    });
  }
  const values = new Map<string, string[]>();
  for (const line of stdout.split('\n')) {
    const space = line.indexOf(' ');
    const key = line.slice(0, space);
    values.set(key, [...(values.get(key) ?? []), line.slice(space + 1)]);
  }
  return {values, files: readFiles(stderr)};
}

/** ssh cuts off what is longer. */
const longestPath = 199;

/** Nobody but OpenSSH is believed to have named all files. */
function readFiles(said: string): string[] | undefined {
  if (!/^OpenSSH_\d/m.test(said)) return undefined;
  const files = [...said.matchAll(/^debug1: Reading configuration data (.*?)\r?$/gm)].map(([, file]) => file ?? '');
  return files.some((file) => file.length > longestPath) ? undefined : [...new Set(files)];
}

interface Output {
  /** Null when it ended well. */
  readonly problem: (Error & {readonly code?: unknown}) | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Bare: execa took ten milliseconds of CPU more for each of the first. */
function runSsh(args: readonly string[], env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<Output> {
  return new Promise((resolve) => {
    const child = execFile('ssh', args, {env, signal, timeout: 10_000}, (problem, stdout, stderr) => resolve({problem, stdout, stderr}));
    child.stdin?.end();
  });
}

import type {ChildProcess, StdioOptions} from 'node:child_process';
import {spawn} from 'node:child_process';
import {mkdir, readFile, writeFile} from 'node:fs/promises';
import path from 'node:path';
import type {Finished} from './finished.js';
import {collect} from './finished.js';
import type {RigHost} from './fleet.js';
import type {NamespaceProcess} from './namespace-process.js';
import {bootScript} from './namespace-process.js';

export interface OperatorOptions {
  /** Added to PATH, HOME, USER and LANG; nothing else is inherited. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** A home made by `newHome`; the first one where it is left out. */
  readonly home?: string;
  readonly stdio?: StdioOptions;
}

/** The person or CI job at the keyboard: commands that reach the hosts over the network, and only so. */
export interface Operator {
  /** Holds a `.ssh` with `id_ed25519`, `known_hosts` and `config`, and nothing else. */
  readonly home: string;
  /** Starts a command. Its pid is the command's own, so that a signal reaches it. */
  spawn(argv: readonly string[], options?: OperatorOptions): ChildProcess;
  /** Runs a command to its end; it is killed after `timeoutMs`, 60 s where left out. */
  exec(
    argv: readonly string[],
    options?: OperatorOptions & {readonly input?: string | Buffer; readonly timeoutMs?: number},
  ): Promise<Finished>;
  /** Another machine of an operator: an empty home with the same key. */
  newHome(): Promise<string>;
}

export interface KnownHost {
  readonly host: RigHost;
  /** `ssh-ed25519 AAAA…` */
  readonly publicKey: string;
}

/** Makes the operator of a rig. `privateKey` and `hosts` are what each of its homes gets. */
export async function createOperator(options: {
  readonly runDirectory: string;
  readonly holder: NamespaceProcess;
  readonly hosts: readonly KnownHost[];
  readonly privateKey: string;
}): Promise<Operator> {
  const {runDirectory, hosts} = options;
  const names = hosts.map(({host}) => `${host.address} ${host.name}`);
  await writeFile(path.join(runDirectory, 'hosts'), ['127.0.0.1 localhost', ...names, ''].join('\n'));

  let homes = 0;
  const newHome = async () => {
    homes++;
    const home = path.join(runDirectory, `home-${homes}`);
    await fillHome({home, hosts, privateKey: options.privateKey});
    return home;
  };
  const firstHome = await newHome();

  const start = (argv: readonly string[], request: OperatorOptions = {}) => {
    const home = request.home ?? firstHome;
    const enter = ['-t', String(options.holder.pid), '-n', '--', 'unshare', '-m', '--propagation', 'private'];
    return spawn('nsenter', [...enter, 'sh', bootScript('operate.sh'), runDirectory, home, ...argv], {
      env: {
        PATH: `${path.dirname(process.execPath)}:/usr/sbin:/usr/bin:/sbin:/bin`,
        LANG: 'C.UTF-8',
        USER: 'root',
        HOME: home,
        ...request.env,
      },
      cwd: request.cwd ?? home,
      stdio: request.stdio ?? ['pipe', 'pipe', 'pipe'],
    });
  };
  const exec: Operator['exec'] = (argv, request = {}) => collect(start(argv, {...request, stdio: ['pipe', 'pipe', 'pipe']}), request);
  return {home: firstHome, spawn: start, exec, newHome};
}

async function fillHome(options: {
  readonly home: string;
  readonly hosts: readonly KnownHost[];
  readonly privateKey: string;
}): Promise<void> {
  const {home, hosts} = options;
  const ssh = path.join(home, '.ssh');
  await mkdir(ssh, {recursive: true, mode: 0o700});
  const known = hosts.map(({host, publicKey}) => `${host.name},${host.address} ${publicKey}\n`);
  const config = hosts.map(({host}) => `Host ${host.name}\n  HostName ${host.address}\n`);
  const always = 'Host *\n  User deploy\n  StrictHostKeyChecking yes\n  IdentitiesOnly yes\n';
  await writeFile(path.join(ssh, 'id_ed25519'), options.privateKey, {mode: 0o600});
  await writeFile(path.join(ssh, 'known_hosts'), known.join(''), {mode: 0o644});
  await writeFile(path.join(ssh, 'config'), `${config.join('')}${always}  IdentityFile ${ssh}/id_ed25519\n`, {mode: 0o600});
  const accounts = await readFile('/etc/passwd', 'utf8');
  await writeFile(path.join(home, 'passwd'), accounts.replace(/^(root:[^:]*:0:0:[^:]*:)[^:]*/m, `$1${home}`), {mode: 0o644});
}

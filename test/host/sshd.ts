import {type ChildProcess, spawn, spawnSync} from 'node:child_process';
import {existsSync} from 'node:fs';
import {mkdir, mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {connect, createServer} from 'node:net';
import {tmpdir, userInfo} from 'node:os';
import path from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';

const program = ['/usr/sbin/sshd', '/usr/local/sbin/sshd'].find((file) => existsSync(file));

/** Why there is no sshd to test against; undefined when there is. */
export const sshdMissing: string | undefined =
  program === undefined ? 'sshd is not installed; run: node scripts/rig-packages.mjs' : undefined;

/** A real OpenSSH sshd on a loopback port, with keys and files of its own. */
export interface Sshd {
  readonly port: number;
  /** Of the process that listens. */
  readonly pid: number;
  readonly user: string;
  /** Its folder: `id` (may log in), `stranger` (may not), `known_hosts`. */
  readonly folder: string;
  readonly identity: string;
  readonly knownHosts: string;
  /** `type base64` of each host key. */
  readonly hostKeys: readonly string[];
  fingerprint(type: 'ed25519' | 'ecdsa' | 'rsa'): string;
  file(name: string): string;
  /** Reads its configuration again. */
  reload(): Promise<void>;
  stop(): Promise<void>;
}

export interface SshdOptions {
  /** More lines of sshd_config; the first of a keyword counts. */
  readonly config?: readonly string[];
  readonly keyTypes?: readonly ('ed25519' | 'ecdsa' | 'rsa')[];
  /** What ListenAddress says; 127.0.0.1 where left out, which it must answer in any case. */
  readonly listen?: string;
}

export function makeKey(file: string, {type = 'ed25519', passphrase = ''}: {type?: string; passphrase?: string} = {}): void {
  const made = spawnSync('ssh-keygen', ['-q', '-t', type, '-N', passphrase, '-C', 'test', '-f', file], {encoding: 'utf8'});
  if (made.status !== 0) throw new Error(`ssh-keygen: ${made.stderr}`);
}

export async function findFreePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const {port} = server.address() as {port: number};
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export async function startSshd({config = [], keyTypes = ['ed25519'], listen = '127.0.0.1'}: SshdOptions = {}): Promise<Sshd> {
  if (program === undefined) throw new Error(sshdMissing);
  const folder = await mkdtemp(path.join(tmpdir(), 'drover-sshd-'));
  const file = (name: string): string => path.join(folder, name);
  makeKey(file('id'));
  makeKey(file('stranger'));
  for (const type of keyTypes) makeKey(file(`host_${type}`), {type});
  const port = await findFreePort();
  const hostKeys = await Promise.all(
    keyTypes.map(async (type) => (await readFile(file(`host_${type}.pub`), 'utf8')).split(' ').slice(0, 2).join(' ')),
  );
  await writeFile(file('known_hosts'), hostKeys.map((key) => `[127.0.0.1]:${port} ${key}\n`).join(''));
  const lines = [
    ...config,
    `Port ${port}`,
    `ListenAddress ${listen}`,
    'PidFile none',
    'UsePAM no',
    'StrictModes no',
    'PermitRootLogin yes',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'PrintMotd no',
    'UseDNS no',
    'MaxStartups 100',
    `AuthorizedKeysFile ${file('id.pub')}`,
    // What the account's own rc files do, and how long it takes, is nobody's business here.
    ...(config.includes('PermitUserEnvironment yes') ? [] : [`SetEnv HOME=${folder}`]),
    ...keyTypes.map((type) => `HostKey ${file(`host_${type}`)}`),
  ];
  await writeFile(file('sshd_config'), `${lines.join('\n')}\n`);
  if (userInfo().uid === 0) await mkdir('/run/sshd', {recursive: true, mode: 0o755});
  const child = spawn(program, ['-D', '-e', '-f', file('sshd_config')], {stdio: ['ignore', 'ignore', 'pipe']});
  let said = '';
  child.stderr.on('data', (piece: Buffer) => {
    said = `${said}${piece.toString()}`.slice(-4000);
  });
  await awaitListening(child, port, () => said);
  return {
    port,
    pid: child.pid ?? 0,
    user: userInfo().username,
    folder,
    identity: file('id'),
    knownHosts: file('known_hosts'),
    hostKeys,
    file,
    fingerprint(type) {
      const shown = spawnSync('ssh-keygen', ['-lf', file(`host_${type}.pub`)], {encoding: 'utf8'});
      return shown.stdout.split(' ')[1] ?? '';
    },
    async reload() {
      child.kill('SIGHUP');
      await sleep(100);
      await awaitListening(child, port, () => said);
    },
    async stop() {
      if (child.exitCode === null) {
        const ended = new Promise((resolve) => child.once('exit', resolve));
        child.kill('SIGTERM');
        await ended;
      }
      await rm(folder, {recursive: true, force: true});
    },
  };
}

async function awaitListening(child: ChildProcess, port: number, said: () => string): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (child.exitCode !== null) throw new Error(`sshd ended: ${said()}`);
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('data', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
    });
    if (open) return;
    await sleep(25);
  }
  throw new Error(`sshd does not listen: ${said()}`);
}

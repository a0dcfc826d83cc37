import {createHash} from 'node:crypto';
import {rm} from 'node:fs/promises';
import path from 'node:path';
import {Duplex} from 'node:stream';
import {setTimeout as sleep} from 'node:timers/promises';
import {execa, type ResultPromise} from 'execa';
import {DroverError} from '../errors/drover-error.js';
import type {Host} from '../inventory/host.js';
import {runChild} from './child-exec.js';
import {dialError} from './dial-error.js';
import type {DialTarget, ExecRequest, ExecResult, Link} from './link.js';
import {connectSocket} from './local-link.js';
import {sshArguments} from './ssh-settings.js';

/** Forced over any ssh_config: no prompt, no forwarding of the operator's agent or display, host keys always checked. */
const forced = [
  'BatchMode=yes',
  'StrictHostKeyChecking=yes',
  'ForwardAgent=no',
  'ForwardX11=no',
  'PermitLocalCommand=no',
  'UpdateHostKeys=no',
  'ServerAliveInterval=5',
  'ServerAliveCountMax=3',
  'EscapeChar=none',
  'RequestTTY=no',
  'RemoteCommand=none',
];

/**
 * The system's ssh with a control socket of our own: certificates, FIDO keys, ProxyCommand and all else that ssh_config knows. The master
 * is a child of this process; `directory` must be private (0700) and short, since socket paths end at 104 bytes.
 */
export async function connectOpenssh(host: Host, options: {directory: string; env: NodeJS.ProcessEnv; signal: AbortSignal}): Promise<Link> {
  const {directory, env, signal} = options;
  const socket = path.join(directory, createHash('sha256').update(JSON.stringify([host.name, host.ssh])).digest('hex').slice(0, 12));
  await rm(socket, {force: true});
  const seconds = Math.max(1, Math.ceil(host.ssh.connectTimeoutMs / 1000));
  const flags = [...forced, 'ClearAllForwardings=yes', `ConnectTimeout=${seconds}`, 'ConnectionAttempts=1'].flatMap((value) => ['-o', value]);
  const master = execa('ssh', ['-M', '-S', socket, '-o', 'ControlPersist=no', '-N', ...flags, ...sshArguments(host), '--', host.name], {
    reject: false,
    stdin: 'ignore',
    stdout: 'ignore',
    env,
    extendEnv: false,
    detached: true,
    cleanup: true,
  });
  const state = {ended: false};
  const ending = master.then((result) => {
    state.ended = true;
    return result;
  });
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(host.ssh.connectTimeoutMs + 2000)]);
  while (!state.ended && !deadline.aborted) {
    const check = await execa('ssh', ['-S', socket, '-O', 'check', '-F', '/dev/null', '--', host.name], {reject: false, stdin: 'ignore', env, extendEnv: false});
    if (check.exitCode === 0) return new OpensshLink(host, socket, master, env, state);
    await Promise.race([ending, sleep(30, undefined, {signal: deadline}).catch(() => undefined)]);
  }
  if (!state.ended) master.kill('SIGKILL');
  const result = await ending;
  signal.throwIfAborted();
  throw masterError(host, result.code === 'ENOENT' ? 'ssh: not found' : String(result.stderr), seconds);
}

/** OpenSSH's own words decide; anything unknown is `unreachable`. */
function masterError(host: Host, stderr: string, seconds: number): DroverError {
  const lines = stderr
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/^[@\s]+$/.test(line));
  const problem = (code: 'authentication' | 'host-key' | 'unreachable', message: string, fix: string): DroverError =>
    new DroverError({code, message: `${host.name}: ${message}`, host: host.name, fix});
  if (/REMOTE HOST IDENTIFICATION HAS CHANGED|revoked/i.test(stderr)) {
    const known = lines.find((line) => /Offending .* key in/.test(line)) ?? '';
    const shown = lines.find((line) => /^SHA256:/.test(line)) ?? '';
    return problem('host-key', `the host key has CHANGED or is revoked: it shows ${shown} ${known}`.trim(), 'find out why before you connect: somebody may be in between');
  }
  if (/Host key verification failed|No .* host key is known/i.test(stderr)) {
    return problem('host-key', `the host key is not known: ${lines.find((line) => /host key is known/.test(line)) ?? ''}`, 'check it, then: ssh-keyscan HOST >> ~/.ssh/known_hosts');
  }
  if (/Permission denied|Too many authentication failures|no mutual signature/i.test(stderr)) {
    return problem('authentication', lines.find((line) => /Permission denied|Too many|no mutual/.test(line)) ?? 'the login was refused', 'check the user and that its authorized_keys holds your key');
  }
  if (/ssh: not found/.test(stderr)) return problem('unreachable', 'ssh not found in PATH', 'install the OpenSSH client');
  return problem('unreachable', lines.at(-1) ?? `no SSH session within ${seconds} s`, 'check that sshd runs there and that you can reach it');
}

class OpensshLink implements Link {
  readonly kind = 'openssh';
  private forwards = 0;

  constructor(
    readonly host: Host,
    private readonly socket: string,
    private readonly master: ResultPromise,
    private readonly env: NodeJS.ProcessEnv,
    private readonly state: {readonly ended: boolean},
  ) {}

  async exec(request: ExecRequest): Promise<ExecResult> {
    if (this.state.ended) return {exit: {kind: 'lost', reason: 'the connection closed'}, stdout: Buffer.alloc(0), stderr: Buffer.alloc(0), truncated: false};
    return runChild(request, ['ssh', ...this.session(), '-T', '--', this.host.name, request.command], {env: this.env, lostStatus: 255});
  }

  async dial(target: DialTarget, signal: AbortSignal): Promise<Duplex> {
    signal.throwIfAborted();
    if (target.kind === 'unix') return this.forward(target);
    const child = execa('ssh', [...this.session(), '-W', `${target.host.includes(':') ? `[${target.host}]` : target.host}:${target.port}`, '--', this.host.name], {
      reject: false,
      buffer: false,
      stdin: 'pipe',
      stdout: 'pipe',
      stderr: 'pipe',
      env: this.env,
      extendEnv: false,
      detached: true,
      cleanup: true,
    });
    let words = '';
    child.stderr?.on('data', (piece: Buffer) => {
      words += piece.toString('utf8').slice(0, 1000);
    });
    const stream = child.duplex();
    const failed = child.then((result) => {
      if (result.exitCode !== 0) throw dialError(this.host, target, words.trim().split('\n').at(-1) ?? 'refused');
    });
    failed.catch((error: Error) => stream.destroy(error));
    return stream;
  }

  async close(): Promise<void> {
    if (this.state.ended) return;
    await execa('ssh', ['-S', this.socket, '-O', 'exit', '-F', '/dev/null', '--', this.host.name], {reject: false, stdin: 'ignore', env: this.env, extendEnv: false, timeout: 2000});
    if (!this.state.ended) this.master.kill('SIGTERM');
    await this.master;
    await rm(this.socket, {force: true});
  }

  private session(): string[] {
    return ['-S', this.socket, '-F', '/dev/null', '-o', 'ControlMaster=no', '-o', 'ProxyCommand=false', '-o', 'EscapeChar=none', '-o', 'BatchMode=yes'];
  }

  /** `-W` knows TCP only: a unix socket is forwarded to one of ours, and the forward goes once the stream is connected. */
  private async forward(target: Extract<DialTarget, {kind: 'unix'}>): Promise<Duplex> {
    const local = `${this.socket}.${++this.forwards}`;
    const command = async (action: 'forward' | 'cancel'): Promise<{exitCode?: number; stderr?: string}> =>
      execa('ssh', ['-S', this.socket, '-O', action, '-F', '/dev/null', '-L', `${local}:${target.path}`, '--', this.host.name], {
        reject: false,
        stdin: 'ignore',
        env: this.env,
        extendEnv: false,
        timeout: 10_000,
      });
    const opened = await command('forward');
    if (opened.exitCode !== 0) throw dialError(this.host, target, opened.stderr?.trim().split('\n').at(-1) ?? 'refused');
    try {
      return await connectSocket(this.host, target, {path: local});
    } finally {
      await command('cancel');
      await rm(local, {force: true});
    }
  }
}

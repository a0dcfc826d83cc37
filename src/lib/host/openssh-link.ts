import {spawn} from 'node:child_process';
import {createHash} from 'node:crypto';
import {rm} from 'node:fs/promises';
import path from 'node:path';
import type {Duplex} from 'node:stream';
import {setTimeout as sleep} from 'node:timers/promises';
import {execa} from 'execa';
import type {Host} from '../inventory/host.js';
import {ChannelGate} from './channel-gate.js';
import {runChild} from './child-exec.js';
import {ChildStream} from './child-stream.js';
import {dialError, nameTarget} from './dial-error.js';
import {lostResult} from './exec-streams.js';
import {hostKeyFamilies} from './host-key.js';
import {fingerprintOf, type KnownHosts, knownName} from './known-hosts.js';
import type {DialTarget, ExecRequest, ExecResult, Link} from './link.js';
import {connectSocket} from './local-link.js';
import {blamesHostKey, readSshError} from './openssh-error.js';
import {type Master, startMaster} from './openssh-master.js';
import {pinHostKey} from './openssh-pin.js';
import {escapeToken, masterArguments, sessionArguments} from './ssh-arguments.js';
import {explainIdentity} from './ssh-identities.js';
import type {ResolvedSsh} from './ssh-settings.js';

/** Forced over any ssh_config: no prompt, nothing of the operator's forwarded, host keys always checked. */
const forced = [
  'BatchMode=yes',
  'StrictHostKeyChecking=yes',
  'ForwardAgent=no',
  'ForwardX11=no',
  'GSSAPIDelegateCredentials=no',
  'ClearAllForwardings=yes',
  'PermitLocalCommand=no',
  'UpdateHostKeys=no',
  'ServerAliveInterval=5',
  'ServerAliveCountMax=3',
  'EscapeChar=none',
  'RequestTTY=no',
  'RemoteCommand=none',
  'ConnectionAttempts=1',
  'ControlPersist=no',
  'LogLevel=ERROR',
  'IgnoreUnknown=ForkAfterAuthentication',
  'ForkAfterAuthentication=no',
];

export interface OpensshOptions {
  /** Private (0700) and short: socket paths end at some 100 bytes. */
  readonly directory: string;
  readonly env: NodeJS.ProcessEnv;
  readonly resolved: ResolvedSsh;
  readonly knownHosts: KnownHosts;
  readonly signal: AbortSignal;
}

/** The system's ssh with a control socket of our own: certificates, FIDO keys, ProxyCommand and all else that ssh_config knows. */
export async function connectOpenssh(host: Host, options: OpensshOptions): Promise<Link> {
  return new OpensshLink(host, await openMaster(host, options), options);
}

/** Logs in. Fails within the host's connect timeout and 2 s; ssh's own does not cover a server that hangs after its banner. */
export async function openMaster(host: Host, options: OpensshOptions): Promise<Master> {
  const {directory, env, resolved, knownHosts, signal} = options;
  const socket = path.join(
    directory,
    createHash('sha256')
      .update(JSON.stringify([host.name, host.ssh]))
      .digest('hex')
      .slice(0, 12),
  );
  // Ours runs out first: it is the exact one, and says the same whatever ssh was waiting for.
  const seconds = Math.ceil(host.ssh.connectTimeoutMs / 1000) + 5;
  const settings = [...(await pinHostKey(host, {prefix: socket, resolved, knownHosts})), ...forced, `ConnectTimeout=${seconds}`];
  const start = (extra: readonly string[]): ReturnType<typeof startMaster> => {
    const words = masterArguments(host, {socket, settings: [...extra, ...settings]});
    return startMaster({socket, words, env, timeoutMs: host.ssh.connectTimeoutMs, signal});
  };
  const first = await start([]);
  if (!('failed' in first)) return first;
  // The pin does not say which of the server's keys it is of: each other kind of key is asked for.
  const families = host.ssh.fingerprint !== undefined && blamesHostKey(first.failed) ? hostKeyFamilies : [];
  for (const family of families) {
    const next = await start([`HostKeyAlgorithms=${family.join(',')}`]);
    if (!('failed' in next)) return next;
  }
  const error = readSshError(host, first.failed, (await knownHosts.lookUp(knownName(resolved), resolved.knownHostsFiles)).keys);
  throw error.code === 'authentication' ? ((await explainIdentity(host, env.SSH_AUTH_SOCK)) ?? error) : error;
}

class OpensshLink implements Link {
  readonly kind = 'openssh';
  private readonly gate = new ChannelGate();
  private readonly env: NodeJS.ProcessEnv;
  private forwards = 0;

  constructor(
    readonly host: Host,
    private readonly master: Master,
    private readonly options: OpensshOptions,
  ) {
    this.env = options.env;
  }

  async hostKeys(): Promise<readonly string[]> {
    const {host, options} = this;
    if (host.ssh.fingerprint !== undefined) return [host.ssh.fingerprint];
    const {resolved, knownHosts} = options;
    const {keys, portless} = await knownHosts.lookUp(knownName(resolved), resolved.knownHostsFiles);
    return [...new Set((keys.length > 0 ? keys : portless).map(({key}) => fingerprintOf(key)))];
  }

  /** A remote status of 255 cannot be told from a lost connection: ssh has one status for both. */
  async exec(request: ExecRequest): Promise<ExecResult> {
    for (;;) {
      try {
        await this.gate.enter(request.signal);
      } catch {
        return lostResult('abandoned');
      }
      if (this.master.ended()) {
        this.gate.leave();
        return lostResult('the connection closed');
      }
      const result = await runChild(
        request,
        ['ssh', ...sessionArguments(this.master.socket), '-T', '--', this.host.name, request.command],
        {
          env: this.env,
          carrier: true,
        },
      );
      // A refused session has run nothing, and has taken nothing of a stream that could not be sent again.
      const refused =
        result.exit.kind === 'lost' && result.stdout.length === 0 && /Session open refused by peer/.test(result.stderr.toString('utf8'));
      if (!refused) {
        this.gate.serve();
        this.gate.leave();
        return result;
      }
      const worthwhile = await this.gate.refuse(request.signal);
      if (!worthwhile || (request.stdin !== undefined && !Buffer.isBuffer(request.stdin))) return result;
    }
  }

  async dial(target: DialTarget, signal: AbortSignal): Promise<Duplex> {
    signal.throwIfAborted();
    return target.kind === 'tcp' ? this.dialTcp(target, signal) : this.dialUnix(target, signal);
  }

  async close(): Promise<void> {
    await this.master.stop();
  }

  /** `-W` is silent when the target has accepted, unless it is asked to talk. */
  private dialTcp(target: Extract<DialTarget, {kind: 'tcp'}>, signal: AbortSignal): Promise<Duplex> {
    const child = spawn('ssh', [...sessionArguments(this.master.socket), '-v', '-W', nameTarget(target), '--', this.host.name], {
      stdio: 'pipe',
      detached: true,
      env: this.env,
    });
    const stream = new ChildStream(child);
    return new Promise((resolve, reject) => {
      let said = '';
      let open = false;
      const fail = (error: Error): void => {
        signal.removeEventListener('abort', abort);
        stream.destroy();
        reject(error);
      };
      const abort = (): void => fail(signal.reason as Error);
      signal.addEventListener('abort', abort, {once: true});
      child.stderr.on('data', (piece: Buffer) => {
        if (open) return;
        said = `${said}${piece.toString('utf8')}`.slice(-4000);
        if (!/master session id: \d/.test(said)) return;
        open = true;
        signal.removeEventListener('abort', abort);
        resolve(stream);
      });
      child.once('error', fail);
      child.once('close', () => {
        if (!open) fail(dialError(this.host, target, this.lastWords(said)));
      });
    });
  }

  /** The master knows why the server refused: it says so itself. */
  private lastWords(said: string): string {
    const why = [...this.master.words().matchAll(/open failed: (.*)/g)].at(-1)?.[1];
    return why ?? said.trim().split('\n').at(-1) ?? 'refused';
  }

  /** `-W` knows TCP only: a unix socket is forwarded to one of ours, and the forward goes once the stream is connected. */
  private async dialUnix(target: Extract<DialTarget, {kind: 'unix'}>, signal: AbortSignal): Promise<Duplex> {
    const local = `${this.master.socket}.${++this.forwards}`;
    const command = async (action: 'forward' | 'cancel'): Promise<{exitCode?: number; stderr?: string}> =>
      execa(
        'ssh',
        ['-S', escapeToken(this.master.socket), '-O', action, '-F', '/dev/null', '-L', `${local}:${target.path}`, '--', this.host.name],
        {
          reject: false,
          stdin: 'ignore',
          env: this.env,
          extendEnv: false,
          timeout: 10_000,
        },
      );
    const opened = await command('forward');
    if (opened.exitCode !== 0) throw dialError(this.host, target, opened.stderr?.trim().split('\n').at(-1) ?? 'refused');
    try {
      const socket = await connectSocket(this.host, target, {at: {path: local}, signal});
      await this.settle(socket, target, signal);
      return socket;
    } finally {
      await command('cancel');
      await rm(local, {force: true});
    }
  }

  /**
   * The master accepts before it has asked the server. A server answers in order, so that once it has answered a later question, a refusal
   * would have closed the socket.
   */
  private async settle(socket: Duplex, target: DialTarget, signal: AbortSignal): Promise<void> {
    let refused = false;
    const close = (): void => {
      refused = true;
    };
    const look = (): void => {
      // Makes the end of an empty stream an event.
      if (socket.readableLength === 0) socket.read();
    };
    socket.once('close', close);
    socket.once('end', close);
    socket.on('readable', look);
    await this.exec({command: 'exec /bin/sh -c :', idleTimeoutMs: 10_000, totalTimeoutMs: 10_000, maxOutputBytes: 1000, signal});
    await sleep(10);
    socket.off('close', close);
    socket.off('end', close);
    socket.off('readable', look);
    if (!refused) return;
    socket.destroy();
    throw dialError(this.host, target, this.lastWords('refused'));
  }
}

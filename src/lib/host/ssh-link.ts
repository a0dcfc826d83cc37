import type {Duplex} from 'node:stream';
import {type Config, NodeSSH} from 'node-ssh';
import type {AnyAuthMethod, AuthHandlerMiddleware, Client, ClientChannel} from 'ssh2';
import {DroverError} from '../errors/drover-error.js';
import type {Host} from '../inventory/host.js';
import {dialError} from './dial-error.js';
import {runOnStreams} from './exec-streams.js';
import {judgeHostKey, wantedAlgorithms} from './host-key.js';
import type {KnownHosts} from './known-hosts.js';
import type {DialTarget, ExecRequest, ExecResult, Link} from './link.js';
import {readIdentities} from './ssh-identities.js';
import type {ResolvedSsh} from './ssh-settings.js';

/** Channels at once on one connection: sshd's MaxSessions is 10 by default. */
const maxChannels = 8;

/**
 * The in-process client: one connection for the whole run, host key checked against known_hosts or the inventory's pin, agent and key
 * files as OpenSSH would use them. Throws `unreachable`, `authentication` or `host-key`.
 */
export async function connectSsh(host: Host, resolved: ResolvedSsh, knownHosts: KnownHosts, signal: AbortSignal): Promise<Link> {
  const name = resolved.hostKeyAlias ?? (resolved.port === 22 ? resolved.hostname : `[${resolved.hostname}]:${resolved.port}`);
  const known = await knownHosts.lookUp(name, resolved.knownHostsFiles);
  const identities = await readIdentities(host, resolved);
  let verdict: DroverError | undefined;
  const algorithms = wantedAlgorithms(known);
  const config: Config = {
    host: resolved.hostname,
    port: resolved.port,
    username: resolved.user,
    readyTimeout: host.ssh.connectTimeoutMs,
    keepaliveInterval: 5000,
    keepaliveCountMax: 3,
    ...(algorithms === undefined ? {} : {algorithms: {serverHostKey: algorithms as never}}),
    hostVerifier: (key: Buffer) => {
      verdict = judgeHostKey(host, name, key, known);
      return verdict === undefined;
    },
    authHandler: offerInTurn(identities),
  };
  signal.throwIfAborted();
  const client = new NodeSSH();
  try {
    await client.connect(config);
  } catch (error) {
    client.dispose();
    throw verdict ?? connectionError(host, resolved, error as Error & {level?: string; code?: string});
  }
  const {connection} = client;
  if (connection === null) throw new DroverError({code: 'unreachable', message: `${host.name}: the connection closed at once`, host: host.name});
  return new SshLink(host, client, connection);
}

/** Each way to log in once, in order; a refused login is never tried again. */
function offerInTurn(identities: readonly AnyAuthMethod[]): AuthHandlerMiddleware {
  const left = [...identities];
  return (_methods, _partial, next) => {
    next(left.shift() ?? (false as unknown as AnyAuthMethod));
  };
}

function connectionError(host: Host, resolved: ResolvedSsh, error: Error & {level?: string; code?: string}): DroverError {
  const where = `${resolved.user}@${resolved.hostname}:${resolved.port}`;
  if (error.level === 'client-authentication') {
    const fix = 'check the user and that its authorized_keys holds your key; keys tried come from the agent and the identity files';
    return new DroverError({code: 'authentication', message: `${host.name}: ${where} refused the login`, host: host.name, fix});
  }
  const words: Record<string, string> = {
    ECONNREFUSED: 'connection refused',
    EHOSTUNREACH: 'no route to the host',
    ENETUNREACH: 'no route to the network',
    ENOTFOUND: 'the name does not resolve',
    EAI_AGAIN: 'the name does not resolve now',
    ETIMEDOUT: 'no answer',
    ECONNRESET: 'connection reset',
  };
  const why = error.level === 'client-timeout' ? `no SSH handshake within ${host.ssh.connectTimeoutMs / 1000} s` : (words[error.code ?? ''] ?? error.message);
  return new DroverError({code: 'unreachable', message: `${host.name}: ${where}: ${why}`, host: host.name, fix: 'check that sshd runs there and that you can reach it'});
}

class SshLink implements Link {
  readonly kind = 'ssh';
  private lost: string | undefined;
  private open = 0;
  /** Ends each command that runs when the connection goes. */
  private readonly ongoing = new Set<() => void>();
  private readonly waiting: (() => void)[] = [];

  constructor(
    readonly host: Host,
    private readonly client: NodeSSH,
    private readonly connection: Client,
  ) {
    // A reset connection emits `error`; without a listener that would end the process for every host.
    connection.on('error', (error: Error) => {
      this.lost ??= error.message;
    });
    connection.on('close', () => {
      this.lost ??= 'the connection closed';
      setImmediate(() => {
        for (const done of this.ongoing) done();
        this.ongoing.clear();
      });
    });
    connection.setMaxListeners(maxChannels + 10);
  }

  async exec(request: ExecRequest): Promise<ExecResult> {
    await this.enter();
    try {
      if (this.lost !== undefined) return {exit: {kind: 'lost', reason: this.lost}, stdout: Buffer.alloc(0), stderr: Buffer.alloc(0), truncated: false};
      const channel = await this.openChannel(request.command);
      return await runOnStreams(request, {
        stdin: channel,
        stdout: channel,
        stderr: channel.stderr,
        end: () => channel.close(),
        exit: (settle) => {
          channel.on('exit', (status: number | null, name?: string) => {
            settle(status === null ? {kind: 'killed', signal: name ?? 'unknown'} : {kind: 'exited', status});
          });
        },
        closed: (done) => {
          this.ongoing.add(done);
          channel.once('close', () => {
            this.ongoing.delete(done);
            done();
          });
        },
      });
    } catch (error) {
      return {exit: {kind: 'lost', reason: (error as Error).message}, stdout: Buffer.alloc(0), stderr: Buffer.alloc(0), truncated: false};
    } finally {
      this.leave();
    }
  }

  async dial(target: DialTarget, signal: AbortSignal): Promise<Duplex> {
    signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const done = (error: Error | undefined, channel: ClientChannel): void => {
        if (error === undefined) resolve(channel);
        else reject(dialError(this.host, target, error.message));
      };
      try {
        if (target.kind === 'tcp') this.connection.forwardOut('127.0.0.1', 0, target.host, target.port, done);
        else this.connection.openssh_forwardOutStreamLocal(target.path, done);
      } catch (error) {
        reject(dialError(this.host, target, (error as Error).message));
      }
    });
  }

  async close(): Promise<void> {
    this.client.dispose();
  }

  private openChannel(command: string): Promise<ClientChannel> {
    return new Promise((resolve, reject) => {
      const onClose = (): void => reject(new Error(this.lost ?? 'the connection closed'));
      this.connection.once('close', onClose);
      this.connection.exec(command, (error, channel) => {
        this.connection.removeListener('close', onClose);
        if (error === undefined) resolve(channel);
        else reject(error);
      });
    });
  }

  private async enter(): Promise<void> {
    if (this.open >= maxChannels) await new Promise<void>((resolve) => this.waiting.push(resolve));
    this.open++;
  }

  private leave(): void {
    this.open--;
    this.waiting.shift()?.();
  }
}

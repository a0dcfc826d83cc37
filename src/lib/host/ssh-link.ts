import type {Duplex} from 'node:stream';
import type {NodeSSH} from 'node-ssh';
import type {Client, ClientChannel} from 'ssh2';
import type {Host} from '../inventory/host.js';
import {ChannelGate} from './channel-gate.js';
import {dialError} from './dial-error.js';
import {lostResult, type RunningCommand, runOnStreams} from './exec-streams.js';
import type {DialTarget, ExecRequest, ExecResult, Exit, Link} from './link.js';

/** The in-process client over one open connection; made by `connectSsh`. */
export class SshLink implements Link {
  readonly kind = 'ssh';
  private lost: string | undefined;
  private readonly gate = new ChannelGate();
  /** Ends each command that runs when the connection goes. */
  private readonly ongoing = new Set<() => void>();

  constructor(
    readonly host: Host,
    private readonly client: NodeSSH,
    private readonly connection: Client,
    private readonly fingerprint: string,
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
  }

  async hostKeys(): Promise<readonly string[]> {
    return [this.fingerprint];
  }

  async exec(request: ExecRequest): Promise<ExecResult> {
    for (;;) {
      try {
        await this.gate.enter(request.signal);
      } catch {
        return lostResult('abandoned');
      }
      if (this.lost !== undefined) {
        this.gate.leave();
        return lostResult(this.lost);
      }
      let opened: OpenedChannel;
      try {
        opened = await this.openChannel(request.command);
      } catch (error) {
        // A refused session has run nothing.
        if (!isRefusal(error)) this.gate.leave();
        else if (await this.gate.refuse(request.signal)) continue;
        return lostResult((error as Error).message);
      }
      this.gate.serve();
      try {
        return await this.runOn(opened, request);
      } finally {
        this.gate.leave();
      }
    }
  }

  async dial(target: DialTarget, signal: AbortSignal): Promise<Duplex> {
    signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const stop = (): void =>
        reject(signal.aborted ? (signal.reason as Error) : dialError(this.host, target, this.lost ?? 'the connection closed'));
      const done = (error: Error | undefined, channel: ClientChannel): void => {
        signal.removeEventListener('abort', stop);
        this.ongoing.delete(stop);
        if (error !== undefined) {
          reject(dialError(this.host, target, error.message.replace(/^\(SSH\) Channel open failure: /, '')));
          return;
        }
        // Stays for good: an error that nobody listens to would end the process for every host.
        channel.on('error', () => undefined);
        if (signal.aborted) channel.close();
        else resolve(channel);
      };
      signal.addEventListener('abort', stop, {once: true});
      this.ongoing.add(stop);
      try {
        if (this.lost !== undefined) stop();
        else if (target.kind === 'tcp') this.connection.forwardOut('127.0.0.1', 0, target.host, target.port, done);
        else this.connection.openssh_forwardOutStreamLocal(target.path, done);
      } catch (error) {
        reject(dialError(this.host, target, (error as Error).message));
      }
    });
  }

  async close(): Promise<void> {
    this.lost ??= 'closed';
    this.client.dispose();
  }

  /** A short command may be over in the packet that opens its channel: it is heard from the first moment. */
  private openChannel(command: string): Promise<OpenedChannel> {
    return new Promise((resolve, reject) => {
      const onLost = (): void => reject(new Error(this.lost ?? 'the connection closed'));
      this.ongoing.add(onLost);
      this.connection.exec(command, (error, channel) => {
        this.ongoing.delete(onLost);
        if (error === undefined) resolve({channel, ...watchEnd(channel)});
        else reject(error);
      });
    });
  }

  private runOn({channel, exit, closed}: OpenedChannel, request: ExecRequest): Promise<ExecResult> {
    return runOnStreams(request, {
      stdin: channel,
      stdout: channel,
      stderr: channel.stderr,
      end: () => channel.close(),
      exit,
      closed: (done) => {
        this.ongoing.add(done);
        closed(() => {
          this.ongoing.delete(done);
          done();
        });
      },
    });
  }
}

interface OpenedChannel extends Pick<RunningCommand, 'exit' | 'closed'> {
  readonly channel: ClientChannel;
}

function watchEnd(channel: ClientChannel): Pick<RunningCommand, 'exit' | 'closed'> {
  let ended: Exit | undefined;
  let isClosed = false;
  let hearEnd = (exit: Exit): void => {
    ended ??= exit;
  };
  let hearClose = (): void => {
    isClosed = true;
  };
  channel.on('exit', (status: number | null, name?: string) =>
    hearEnd(status === null ? {kind: 'killed', signal: name ?? 'unknown'} : {kind: 'exited', status}),
  );
  channel.once('close', () => hearClose());
  return {
    exit: (settle) => {
      hearEnd = settle;
      if (ended !== undefined) settle(ended);
    },
    closed: (done) => {
      hearClose = done;
      if (isClosed) done();
    },
  };
}

/** The server opened no session, as opposed to a connection that died. */
function isRefusal(error: unknown): boolean {
  return error instanceof Error && 'reason' in error && typeof error.reason === 'number';
}

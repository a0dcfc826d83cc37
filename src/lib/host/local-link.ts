import {connect} from 'node:net';
import type {Duplex} from 'node:stream';
import type {Host} from '../inventory/host.js';
import {runChild} from './child-exec.js';
import {dialError} from './dial-error.js';
import type {DialTarget, ExecRequest, ExecResult, Link} from './link.js';

/** This machine as a host: the same programs, run by /bin/sh, without a network. */
export class LocalLink implements Link {
  readonly kind = 'local';

  constructor(
    readonly host: Host,
    private readonly env: NodeJS.ProcessEnv,
  ) {}

  async exec(request: ExecRequest): Promise<ExecResult> {
    return runChild(request, ['/bin/sh', '-c', request.command], {env: this.env, cwd: this.env.HOME ?? '/'});
  }

  async dial(target: DialTarget, signal: AbortSignal): Promise<Duplex> {
    return connectSocket(this.host, target, {
      at: target.kind === 'tcp' ? {host: target.host, port: target.port} : {path: target.path},
      signal,
    });
  }

  async close(): Promise<void> {}
}

interface SocketOptions {
  readonly at: {readonly host: string; readonly port: number} | {readonly path: string};
  readonly signal: AbortSignal;
}

/** A socket of this machine that stands for `target` on a host. Rejects with `unreachable`, or with the signal's reason. */
export function connectSocket(host: Host, target: DialTarget, {at, signal}: SocketOptions): Promise<Duplex> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const socket = connect({...at, allowHalfOpen: true});
    const abort = (): void => {
      socket.destroy();
      reject(signal.reason as Error);
    };
    signal.addEventListener('abort', abort, {once: true});
    socket.once('connect', () => {
      signal.removeEventListener('abort', abort);
      resolve(socket);
    });
    // Stays for good: an error that nobody listens to would end the process for every host.
    socket.on('error', (error: NodeJS.ErrnoException) => {
      signal.removeEventListener('abort', abort);
      reject(dialError(host, target, error.code ?? error.message));
    });
  });
}

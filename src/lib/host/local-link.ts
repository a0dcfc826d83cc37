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
    signal.throwIfAborted();
    return connectSocket(this.host, target, target.kind === 'tcp' ? {host: target.host, port: target.port} : {path: target.path});
  }

  async close(): Promise<void> {}
}

/** A socket of this machine that stands for `target` on a host. */
export function connectSocket(host: Host, target: DialTarget, at: {host: string; port: number} | {path: string}): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const socket = connect(at);
    socket.once('connect', () => {
      socket.removeAllListeners('error');
      resolve(socket);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => reject(dialError(host, target, error.code ?? error.message)));
  });
}

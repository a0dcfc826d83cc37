import {Duplex} from 'node:stream';
import type {Host} from '../inventory/host.js';
import type {DialTarget, ExecRequest, ExecResult, Link} from './link.js';

/**
 * The dry run: says what would be asked of the host and changes nothing. With `open` what only reads is really read, so that the rest follows
 * from what is there; without it no connection is opened.
 */
export class PrintingLink implements Link {
  readonly kind = 'printing';

  constructor(
    readonly host: Host,
    private readonly print: (line: string) => void,
    private readonly open?: (signal: AbortSignal) => Promise<Link>,
  ) {}

  async exec(request: ExecRequest): Promise<ExecResult> {
    request.signal.throwIfAborted();
    if (this.open !== undefined && request.label?.startsWith('read-') === true) return (await this.open(request.signal)).exec(request);
    if (request.stdin !== undefined && !Buffer.isBuffer(request.stdin)) request.stdin.destroy();
    this.print(`${this.host.name}: ${request.label ?? request.command}`);
    return {exit: {kind: 'exited', status: 0}, stdout: Buffer.alloc(0), stderr: Buffer.alloc(0), truncated: false};
  }

  async dial(target: DialTarget, signal: AbortSignal): Promise<Duplex> {
    signal.throwIfAborted();
    const where = target.kind === 'tcp' ? `${target.host}:${target.port}` : target.path;
    return new Duplex({
      read() {
        this.push(null);
      },
      write: (piece: Buffer, _encoding, done) => {
        this.print(`${this.host.name}: ${where} <- ${piece.toString('utf8').trimEnd()}`);
        done();
      },
    });
  }

  async close(): Promise<void> {}
}

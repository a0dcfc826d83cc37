import {Duplex} from 'node:stream';
import type {Host} from '../inventory/host.js';
import type {DialTarget, ExecRequest, ExecResult, Link} from './link.js';

/** The dry run: says what would be asked of the host, opens nothing, changes nothing. */
export class PrintingLink implements Link {
  readonly kind = 'printing';

  constructor(
    readonly host: Host,
    private readonly print: (line: string) => void,
  ) {}

  async exec(request: ExecRequest): Promise<ExecResult> {
    request.signal.throwIfAborted();
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

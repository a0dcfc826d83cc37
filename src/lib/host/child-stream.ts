import type {ChildProcessWithoutNullStreams} from 'node:child_process';
import {Duplex} from 'node:stream';

/**
 * The pipes of a child as one stream. The child may end, and its input break, while its last output still waits to be read: that is the end
 * of the stream, not an error of it, which is what `Duplex.from` would make of it. Destroying the stream ends the child.
 */
export class ChildStream extends Duplex {
  constructor(private readonly child: ChildProcessWithoutNullStreams) {
    super({allowHalfOpen: true});
    child.stdout.on('data', (piece: Buffer) => {
      if (!this.push(piece)) child.stdout.pause();
    });
    child.stdout.on('end', () => this.push(null));
    child.stdout.on('error', () => this.push(null));
    child.stdin.on('error', () => undefined);
  }

  override _read(): void {
    this.child.stdout.resume();
  }

  override _write(piece: Buffer, _encoding: BufferEncoding, done: () => void): void {
    if (this.child.stdin.writable) this.child.stdin.write(piece, () => done());
    else done();
  }

  override _final(done: () => void): void {
    if (this.child.stdin.writable) this.child.stdin.end(() => done());
    else done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.child.kill('SIGTERM');
    done(error);
  }
}

import {Readable} from 'node:stream';

/** Where a stream asks before it lets bytes through. */
export interface Allowance {
  /** Calls `grant` once with how many of `bytes` (at least 1) may pass now; later, or at once. */
  take(bytes: number, grant: (bytes: number) => void): void;
  /** Withdraws what was asked for; nothing is granted after it. */
  close(): void;
}

/**
 * The bytes of `source`, each slice only after it was allowed, and asked for only when the reader wants it: a slow reader holds no
 * allowance back. Destroying it ends `source` and withdraws the request at once.
 */
export class ShapedStream extends Readable {
  private readonly pieces: AsyncIterator<Buffer>;
  private piece: Buffer = Buffer.alloc(0);

  constructor(
    private readonly source: Readable,
    private readonly allowance: Allowance,
  ) {
    super({highWaterMark: 0});
    this.pieces = (source as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
    // Told by the iterator; without a listener an error after the end would end the process.
    source.on('error', () => undefined);
  }

  override _read(): void {
    if (this.piece.length > 0) {
      this.ask();
      return;
    }
    this.pieces.next().then(
      ({done, value}) => {
        if (this.destroyed) return;
        if (done === true) {
          this.push(null);
          return;
        }
        this.piece = value;
        if (value.length === 0) this._read();
        else this.ask();
      },
      (error: Error) => this.destroy(error),
    );
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.allowance.close();
    this.source.destroy();
    done(error);
  }

  private ask(): void {
    this.allowance.take(this.piece.length, (bytes) => {
      const slice = this.piece.subarray(0, bytes);
      this.piece = this.piece.subarray(bytes);
      this.push(slice);
    });
  }
}

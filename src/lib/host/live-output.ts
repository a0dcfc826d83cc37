/**
 * Finds, in what a verb lets through on standard error, what stands between the line `drover NONCE live` and the nonce alone: what rc files
 * print before it is no part of it. `onPiece` gets it as it comes, byte for byte.
 */
export class LiveOutput {
  private held = Buffer.alloc(0);
  private state: 'before' | 'within' | 'after' = 'before';
  private readonly begin: Buffer;
  private readonly mark: Buffer;

  constructor(
    nonce: string,
    private readonly onPiece: (piece: Buffer) => void,
  ) {
    this.begin = Buffer.from(`\ndrover ${nonce} live\n`);
    this.mark = Buffer.from(nonce);
  }

  /** Whether its end was seen. */
  get isWhole(): boolean {
    return this.state === 'after';
  }

  add(piece: Buffer): void {
    if (this.state === 'after') return;
    this.held = Buffer.concat([this.held, piece]);
    if (this.state === 'before') {
      const at = this.held.indexOf(this.begin);
      this.held = Buffer.from(this.held.subarray(at < 0 ? Math.max(0, this.held.length - this.begin.length) : at + this.begin.length));
      if (at < 0) return;
      this.state = 'within';
    }
    const end = this.held.indexOf(this.mark);
    const ready = end < 0 ? this.held.length - this.startOfMark() : end;
    if (ready > 0) this.onPiece(this.held.subarray(0, ready));
    this.held = Buffer.from(this.held.subarray(ready));
    if (end >= 0) this.state = 'after';
  }

  /** The link has no more bytes: what was held back was no mark. */
  end(): void {
    if (this.state === 'within' && this.held.length > 0) this.onPiece(this.held);
    if (this.state === 'within') this.held = Buffer.alloc(0);
  }

  /** How many of the last bytes may be the beginning of the mark: they wait for the rest of it. */
  private startOfMark(): number {
    for (let length = Math.min(this.mark.length - 1, this.held.length); length > 0; length -= 1) {
      if (this.held.subarray(-length).equals(this.mark.subarray(0, length))) return length;
    }
    return 0;
  }
}

/** Longer than all that a verb says after a stream. */
const tailBytes = 256;

/**
 * Finds, in what comes back from a host, the bytes that a verb streams between its line `stream` and the words with which it ends. `onBytes` gets them
 * as they come, all but the last few, which may be those words.
 */
export class FramedStream {
  private held = Buffer.alloc(0);
  private hasBegun = false;
  private readonly begin: Buffer;
  private readonly ending: RegExp;

  constructor(
    nonce: string,
    private readonly onBytes: (bytes: Buffer) => void,
  ) {
    this.begin = Buffer.from(`\ndrover ${nonce} begin\nstream\n`);
    this.ending = new RegExp(`\\ntar-status (\\d{1,3})\\n\\ndrover ${nonce} end 0\\n`);
  }

  add(piece: Buffer): void {
    const held = Buffer.concat([this.held, piece]);
    if (!this.hasBegun) {
      const at = held.indexOf(this.begin);
      this.hasBegun = at >= 0;
      // rc files may have said anything before it.
      this.held = Buffer.from(held.subarray(at < 0 ? Math.max(0, held.length - this.begin.length) : at + this.begin.length));
      if (!this.hasBegun || this.held.length <= tailBytes) return;
    } else this.held = held;
    const ready = this.held.length - tailBytes;
    if (ready <= 0) return;
    this.onBytes(this.held.subarray(0, ready));
    this.held = Buffer.from(this.held.subarray(ready));
  }

  /** Gives the last bytes, and how tar ended; undefined where the end of the frame is missing. */
  end(): number | undefined {
    const ending = this.hasBegun ? this.ending.exec(this.held.toString('latin1')) : null;
    if (ending === null) return undefined;
    if (ending.index > 0) this.onBytes(this.held.subarray(0, ending.index));
    return Number(ending[1]);
  }
}

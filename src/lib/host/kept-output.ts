/** Keeps the head and the tail of a stream within a bound; the middle is counted and dropped. */
export class KeptOutput {
  private readonly head: Buffer[] = [];
  private readonly tail: Buffer[] = [];
  private headBytes = 0;
  private tailBytes = 0;
  truncated = false;

  constructor(private readonly maxBytes: number) {}

  add(piece: Buffer): void {
    const half = Math.ceil(this.maxBytes / 2);
    let rest = piece;
    if (this.headBytes < half) {
      const taken = rest.subarray(0, half - this.headBytes);
      this.head.push(taken);
      this.headBytes += taken.length;
      rest = rest.subarray(taken.length);
    }
    if (rest.length === 0) return;
    this.tail.push(rest);
    this.tailBytes += rest.length;
    while (this.tail[0] !== undefined && this.tailBytes - this.tail[0].length >= half) {
      this.tailBytes -= this.tail[0].length;
      this.tail.shift();
      this.truncated = true;
    }
  }

  bytes(): Buffer {
    return Buffer.concat([...this.head, ...this.tail]);
  }
}

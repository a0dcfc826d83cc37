const firstBytes = 16 * 1024;

/** Keeps the head and the tail of a stream within a bound, however small its pieces are; the middle is counted and dropped. */
export class KeptOutput {
  private buffer = Buffer.alloc(0);
  private total = 0;
  /** Where the tail begins: it is written round and round from here to the bound. */
  private readonly half: number;

  constructor(private readonly maxBytes: number) {
    this.half = Math.ceil(maxBytes / 2);
  }

  get truncated(): boolean {
    return this.total > this.maxBytes;
  }

  add(piece: Buffer): void {
    this.grow(Math.min(this.maxBytes, this.total + piece.length));
    const ring = this.maxBytes - this.half;
    let rest = piece;
    while (rest.length > 0) {
      if (this.total >= this.half && ring === 0) {
        this.total += rest.length;
        return;
      }
      const at = this.total < this.half ? this.total : this.half + ((this.total - this.half) % ring);
      const room = (this.total < this.half ? this.half : this.maxBytes) - at;
      const taken = rest.subarray(0, room);
      taken.copy(this.buffer, at);
      this.total += taken.length;
      rest = rest.subarray(taken.length);
    }
  }

  bytes(): Buffer {
    if (!this.truncated) return Buffer.from(this.buffer.subarray(0, this.total));
    const ring = this.maxBytes - this.half;
    const oldest = ring === 0 ? this.half : this.half + ((this.total - this.half) % ring);
    return Buffer.concat([
      this.buffer.subarray(0, this.half),
      this.buffer.subarray(oldest, this.maxBytes),
      this.buffer.subarray(this.half, oldest),
    ]);
  }

  private grow(needed: number): void {
    if (needed <= this.buffer.length) return;
    const larger = Buffer.alloc(Math.min(this.maxBytes, Math.max(needed, 2 * this.buffer.length, firstBytes)));
    this.buffer.copy(larger);
    this.buffer = larger;
  }
}

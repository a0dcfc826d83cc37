/** How the command of a frame ended. */
export type FrameEnd =
  | {readonly kind: 'ended'; readonly status: number; readonly isLate: boolean}
  | {readonly kind: 'refused'; readonly why: string};

/**
 * Finds in the output of `verbs/command.sh` what the operator's command printed: it stands between the lines `drover NONCE begin` and `drover NONCE end …`.
 * What login files print before it is no part of it. `onPiece` gets it as it comes, byte for byte.
 */
export class FramedOutput {
  /** Undefined until the last line of the frame has come. */
  end: FrameEnd | undefined;
  private held: Buffer = Buffer.alloc(0);
  private state: 'before' | 'within' | 'after' = 'before';
  private readonly begin: Buffer;
  private readonly mark: Buffer;

  constructor(
    nonce: string,
    private readonly onPiece: (piece: Buffer) => void,
  ) {
    this.begin = Buffer.from(`\ndrover ${nonce} begin\n`);
    this.mark = Buffer.from(`\ndrover ${nonce} end `);
  }

  add(piece: Buffer): void {
    if (this.end !== undefined) return;
    this.held = this.held.length === 0 ? piece : Buffer.concat([this.held, piece]);
    if (this.state === 'before') this.skip();
    if (this.state === 'within') this.pass();
    if (this.state === 'after') this.end = readEnd(this.held);
  }

  /** The link has no more bytes: what was held back was no mark. */
  close(): void {
    if (this.state === 'within' && this.held.length > 0) this.onPiece(this.held);
    this.held = Buffer.alloc(0);
  }

  private skip(): void {
    const at = this.held.indexOf(this.begin);
    this.hold(at < 0 ? Math.max(0, this.held.length - this.begin.length) : at + this.begin.length);
    if (at >= 0) this.state = 'within';
  }

  private pass(): void {
    const end = this.held.indexOf(this.mark);
    const ready = end < 0 ? this.held.length - this.startOfMark() : end;
    if (ready > 0) this.onPiece(this.held.subarray(0, ready));
    this.hold(end < 0 ? ready : end + this.mark.length);
    if (end >= 0) this.state = 'after';
  }

  /** Keeps what follows; a copy, because the piece is a view of more. */
  private hold(from: number): void {
    this.held = Buffer.from(this.held.subarray(from));
  }

  /** How many of the last bytes may be the beginning of the mark: they wait for the rest of it. */
  private startOfMark(): number {
    for (let length = Math.min(this.mark.length - 1, this.held.length); length > 0; length -= 1) {
      if (this.held.subarray(-length).equals(this.mark.subarray(0, length))) return length;
    }
    return 0;
  }
}

function readEnd(bytes: Buffer): FrameEnd | undefined {
  const line = bytes.indexOf(10);
  if (line < 0) return undefined;
  const words = bytes.toString('utf8', 0, line);
  const [, status, late] = /^(\d{1,3})( late)?$/.exec(words) ?? [];
  if (status !== undefined) return {kind: 'ended', status: Number(status), isLate: late !== undefined};
  return {kind: 'refused', why: words.replace(/^refused /, '')};
}

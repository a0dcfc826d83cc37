import {StringDecoder} from 'node:string_decoder';

/** Characters of one line that are kept; what is more is counted. */
const maxLineLength = 16_384;

/**
 * Cuts what a host prints into whole lines, in pieces of any size. An endless line costs no more memory than the longest one that is shown;
 * its end says how much was left out.
 */
export class LineCutter {
  private readonly decoder = new StringDecoder('utf8');
  private line = '';
  private left = 0;
  private begun = false;

  /** `take` gets each line without its break, foreign text as it came. */
  constructor(private readonly take: (line: string) => void) {}

  add(piece: Buffer): void {
    this.cut(this.decoder.write(piece));
  }

  /** Gives what is left, a line without a break. */
  end(): void {
    this.cut(this.decoder.end());
    if (this.begun) this.finish();
  }

  private cut(text: string): void {
    let start = 0;
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', start)) {
      this.append(text.slice(start, at));
      this.finish();
      start = at + 1;
    }
    if (start < text.length) this.append(text.slice(start));
  }

  private append(text: string): void {
    this.begun = true;
    const kept = text.slice(0, Math.max(0, maxLineLength - this.line.length));
    this.line += kept;
    this.left += text.length - kept.length;
  }

  private finish(): void {
    const line = this.left === 0 && this.line.endsWith('\r') ? this.line.slice(0, -1) : this.line;
    this.take(this.left === 0 ? line : `${line} [… ${this.left} characters left out here …]`);
    this.line = '';
    this.left = 0;
    this.begun = false;
  }
}

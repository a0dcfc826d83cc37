const segmenter = new Intl.Segmenter(undefined, {granularity: 'grapheme'});
const simple = /^[\u0020-\u007e]*$/;
const invisible = /^[\p{Mn}\p{Me}\p{Cf}]+$/u;
const emoji = /\p{Emoji_Presentation}|\p{Extended_Pictographic}\ufe0f|^[\u{1f1e6}-\u{1f1ff}]{2}$|\u20e3/u;
/** East Asian Wide and Fullwidth (UAX #11), without emoji. */
const wide =
  /^[\u1100-\u115f\u2329\u232a\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{16fe0}-\u{18aff}\u{1b000}-\u{1b2ff}\u{1f200}-\u{1f265}\u{20000}-\u{3fffd}]/u;

function measureGrapheme(grapheme: string): number {
  if (invisible.test(grapheme)) return 0;
  return emoji.test(grapheme) || wide.test(grapheme) ? 2 : 1;
}

/** Terminal columns of printable text: full-width letters and emoji take two, combining marks none. */
export function measureText(text: string): number {
  if (simple.test(text)) return text.length;
  let width = 0;
  for (const {segment} of segmenter.segment(text)) width += measureGrapheme(segment);
  return width;
}

/** `text` in at most `columns` terminal columns; what is cut is told by a final `…`. Never splits a character. */
export function cutText(text: string, columns: number): string {
  if (measureText(text) <= columns) return text;
  if (columns < 1) return '';
  let width = 0;
  let kept = '';
  for (const {segment} of segmenter.segment(text)) {
    width += measureGrapheme(segment);
    if (width > columns - 1) break;
    kept += segment;
  }
  return `${kept}…`;
}

/** `text` filled with spaces to `columns` terminal columns. */
export function padText(text: string, columns: number, align: 'left' | 'right' = 'left'): string {
  const fill = ' '.repeat(Math.max(0, columns - measureText(text)));
  return align === 'left' ? text + fill : fill + text;
}

/**
 * `text` in lines of at most `columns` terminal columns, broken after spaces and commas where there are any and inside
 * a word only where it is wider than a line.
 */
export function wrapText(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.match(/[^ ,]*[ ,]+|[^ ,]+$/g) ?? []) {
    if (line !== '' && measureText(line + word.trimEnd()) > columns) {
      lines.push(line.trimEnd());
      line = '';
    }
    line += word;
    while (measureText(line.trimEnd()) > columns) {
      const head = cutText(line, columns + 1).slice(0, -1);
      if (head === '') break;
      lines.push(head);
      line = line.slice(head.length);
    }
  }
  return line.trim() === '' && lines.length > 0 ? lines : [...lines, line.trimEnd()];
}

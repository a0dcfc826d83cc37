import type {Writable} from 'node:stream';
import {cutText, measureText} from './display-width.js';
import type {Line} from './event-text.js';
import type {Palette} from './palette.js';

/** The rows at the end of a terminal that are drawn over and over, below lines that stay. */
export interface LiveScreen {
  /** Lines that stay, above the live rows. */
  print(lines: readonly Line[]): void;
  /** Replaces the live rows; none takes them away. Nothing is written when nothing changed. */
  show(lines: readonly Line[]): void;
}

/**
 * Draws on `stream` with two movements that every terminal knows (up, erase to the end). All lines are cut to
 * `columns() - 1` and never wrap; rows that a narrowed window has wrapped since are counted before they are erased.
 */
export function createLiveScreen({
  stream,
  columns,
  palette,
}: {
  readonly stream: Writable;
  readonly columns: () => number;
  readonly palette: Palette;
}): LiveScreen {
  let shown: readonly Line[] = [];
  let widths: readonly number[] = [];

  const cut = (line: Line): Line => ({...line, text: cutText(line.text, Math.max(1, columns() - 1))});
  const paint = ({text, paint: meaning}: Line): string => `${meaning === undefined ? text : palette[meaning](text)}\n`;

  function erase(): string {
    const rows = widths.reduce((sum, width) => sum + Math.max(1, Math.ceil(width / Math.max(1, columns()))), 0);
    return rows === 0 ? '' : `\u001b[${rows}A\r\u001b[J`;
  }

  function draw(above: readonly Line[], lines: readonly Line[]): void {
    const next = lines.map(cut);
    const same =
      next.length === shown.length &&
      next.every(({text, paint: meaning}, index) => text === shown[index]?.text && meaning === shown[index]?.paint);
    if (above.length === 0 && same) return;
    stream.write([erase(), ...above.map(cut).map(paint), ...next.map(paint)].join(''));
    shown = next;
    widths = next.map(({text}) => measureText(text));
  }

  return {
    print: (lines) => draw(lines, shown),
    show: (lines) => draw([], lines),
  };
}

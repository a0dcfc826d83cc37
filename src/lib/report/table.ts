import {cutText, measureText, padText} from './display-width.js';
import {cleanText} from './foreign-text.js';
import {createPalette, type Paint} from './palette.js';

const gap = 2;
const narrowest = 4;

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
  /** False keeps the column whole while others can still give. */
  readonly shrinks?: boolean;
}

export type Cell = string | {readonly text: string; readonly paint?: Paint};

interface PaintedText {
  readonly text: string;
  readonly paint?: Paint;
}

function readCell(cell: Cell | undefined): PaintedText {
  const {text, paint}: PaintedText = typeof cell === 'object' ? cell : {text: cell ?? ''};
  return {text: cleanText(text), ...(paint === undefined ? {} : {paint})};
}

/** Takes columns from the widest until all fit into `width`, first from those that may shrink. */
function fitWidths(natural: readonly number[], columns: readonly Column[], width: number): number[] {
  const widths = [...natural];
  const overflow = (): number => widths.reduce((sum, each) => sum + each, 0) + gap * (widths.length - 1) - width;
  for (const stage of [true, false]) {
    const candidates = columns.map((column, index) => ({index, may: stage ? column.shrinks !== false : true})).filter(({may}) => may);
    while (overflow() > 0) {
      const widest = candidates.reduce<number | undefined>(
        (best, {index}) => ((widths[index] ?? 0) > (best === undefined ? narrowest : (widths[best] ?? 0)) ? index : best),
        undefined,
      );
      if (widest === undefined) break;
      widths[widest] = (widths[widest] ?? 0) - 1;
    }
  }
  return widths;
}

/**
 * Rows under titles. With `width` (terminal columns): padded by display width, cut with `…`, coloured if asked. Without
 * `width` (a pipe): whole cells separated by tabs, for `cut` and `awk`. Foreign text in cells is made harmless.
 * Ends with a line break; no rows give the titles alone.
 */
export function renderTable({
  columns,
  rows,
  width,
  colour = false,
  header = true,
}: {
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly Cell[])[];
  readonly width?: number;
  readonly colour?: boolean;
  readonly header?: boolean;
}): string {
  const titles: readonly PaintedText[] = columns.map(({title}) => ({text: title, paint: 'dim'}));
  const lines = [...(header ? [titles] : []), ...rows.map((row) => columns.map((_, index) => readCell(row[index])))];
  if (width === undefined) return lines.map((line) => `${line.map(({text}) => text).join('\t')}\n`).join('');

  const palette = createPalette(colour);
  const natural = columns.map((_, index) => Math.max(0, ...lines.map((line) => measureText(line[index]?.text ?? ''))));
  const widths = fitWidths(natural, columns, width);
  const renderLine = (line: readonly PaintedText[]): string => {
    let left = width;
    const parts: string[] = [];
    for (const [index, {text, paint}] of line.entries()) {
      const room = Math.min(widths[index] ?? 0, left);
      if (room <= 0 && left <= 0) break;
      const cut = cutText(text, room);
      left -= room + gap;
      const padded = index === line.length - 1 && columns[index]?.align !== 'right' ? cut : padText(cut, room, columns[index]?.align);
      parts.push(paint === undefined ? padded : palette[paint](padded));
    }
    return `${parts.join(' '.repeat(gap)).trimEnd()}\n`;
  };
  return lines.map(renderLine).join('');
}

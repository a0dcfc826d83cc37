export interface Column {
  /** The property of a row. */
  readonly key: string;
  readonly title: string;
  /** Of numbers; 0 unless told. */
  readonly digits?: number;
}

/** A Markdown table; numbers stand on the right. */
export function renderRows(columns: readonly Column[], rows: readonly object[]): string {
  const cells = rows.map((row) => columns.map(({key, digits = 0}) => renderCell(Reflect.get(row, key), digits)));
  const isNumber = columns.map(({key}) => rows.some((row) => typeof Reflect.get(row, key) === 'number'));
  const widths = columns.map(({title}, index) => Math.max(3, title.length, ...cells.map((row) => row[index]?.length ?? 0)));
  const line = (words: readonly string[]): string =>
    `| ${words.map((word, index) => (isNumber[index] === true ? word.padStart(widths[index] ?? 0) : word.padEnd(widths[index] ?? 0))).join(' | ')} |`;
  const rule = widths.map((width, index) => (isNumber[index] === true ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width)));
  return [line(columns.map(({title}) => title)), line(rule), ...cells.map(line)].join('\n');
}

function renderCell(value: unknown, digits: number): string {
  if (typeof value === 'number') return digits === 0 ? Math.round(value).toLocaleString('en-US') : value.toFixed(digits);
  return value === undefined ? '' : String(value).replaceAll('|', '\\|');
}

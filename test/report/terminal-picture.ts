/**
 * What a terminal of `columns` columns shows after `bytes`: lines, scrolled-off ones included. Knows the movements the
 * live view uses (up, erase to the end, colours) and wraps like a terminal; anything else it meets is an error.
 */
export function drawTerminal(bytes: string, columns: number): string[] {
  const rows: string[][] = [[]];
  let row = 0;
  let column = 0;
  for (let index = 0; index < bytes.length; ) {
    const rest = bytes.slice(index, index + 20);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: a terminal is made of them
    const sequence = /^\u001b\[(\d*)(?:;\d+)*([A-Za-z])/.exec(rest);
    if (sequence !== null) {
      index += sequence[0].length;
      if (sequence[2] === 'A') row = Math.max(0, row - Number(sequence[1] || 1));
      else if (sequence[2] === 'J') {
        rows.length = row + 1;
        rows[row]?.splice(column);
      } else if (sequence[2] !== 'm') throw new Error(`sequence ${JSON.stringify(sequence[0])} is not known here`);
      continue;
    }
    const character = bytes[index++] ?? '';
    if (character === '\r') column = 0;
    else if (character === '\n') {
      row++;
      column = 0;
      rows[row] ??= [];
    } else if (character < ' ') throw new Error(`control character ${JSON.stringify(character)}`);
    else {
      if (column === columns) {
        row++;
        column = 0;
        rows[row] ??= [];
      }
      const line = rows[row];
      if (line !== undefined) line[column++] = character;
    }
  }
  return rows.map((line) =>
    Array.from(line, (character) => character ?? ' ')
      .join('')
      .trimEnd(),
  );
}

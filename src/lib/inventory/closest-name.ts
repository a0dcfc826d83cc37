/** Edits (insert, delete, replace, swap of neighbours) that turn one text into the other. */
function countEdits(from: string, to: string): number {
  const rows: number[][] = [Array.from({length: to.length + 1}, (_, column) => column)];
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1];
      const above = rows[row - 1] ?? [];
      let edits = Math.min((above[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1, (above[column - 1] ?? 0) + (same ? 0 : 1));
      const swapped = row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      if (swapped) edits = Math.min(edits, (rows[row - 2]?.[column - 2] ?? 0) + 1);
      current.push(edits);
    }
    rows.push(current);
  }
  return rows.at(-1)?.at(-1) ?? 0;
}

/**
 * The candidate somebody who typed `name` most likely meant: at most one edit in three characters away, case ignored;
 * the first of equally close ones. Undefined when none is close. Names longer than 64 characters are not compared.
 */
export function findClosest(name: string, candidates: Iterable<string>): string | undefined {
  if (name.length === 0 || name.length > 64) return undefined;
  let closest: string | undefined;
  let fewest = Math.max(1, Math.floor(name.length / 3)) + 1;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - name.length) >= fewest) continue;
    const edits = countEdits(name.toLowerCase(), candidate.toLowerCase());
    if (edits < fewest) [closest, fewest] = [candidate, edits];
  }
  return closest;
}

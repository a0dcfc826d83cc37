/** One line of a difference: in both, only in the old text, only in the new one. */
export interface DiffLine {
  readonly sign: ' ' | '-' | '+';
  readonly text: string;
}

/** More differing lines than this are not matched with one another: all of the old goes, all of the new comes. Bounds time and memory by its square. */
const maxEdits = 1000;
const contextLines = 3;

/** How the old lines become the new ones in the fewest steps (Myers 1986). Empty where they are the same. */
export function diffLines(old: readonly string[], fresh: readonly string[]): readonly DiffLine[] {
  let start = 0;
  while (start < old.length && start < fresh.length && old[start] === fresh[start]) start += 1;
  let end = 0;
  while (end < old.length - start && end < fresh.length - start && old.at(-1 - end) === fresh.at(-1 - end)) end += 1;
  if (start === old.length && start === fresh.length) return [];
  const keep = (text: string): DiffLine => ({sign: ' ', text});
  return [
    ...old.slice(0, start).map(keep),
    ...diffMiddle(old.slice(start, old.length - end), fresh.slice(start, fresh.length - end)),
    ...old.slice(old.length - end).map(keep),
  ];
}

function diffMiddle(old: readonly string[], fresh: readonly string[]): readonly DiffLine[] {
  const trace = findTrace(old, fresh);
  if (trace === undefined)
    return [...old.map((text): DiffLine => ({sign: '-', text})), ...fresh.map((text): DiffLine => ({sign: '+', text}))];
  const lines: DiffLine[] = [];
  let [x, y] = [old.length, fresh.length];
  for (let edits = trace.length - 1; edits >= 0; edits -= 1) {
    const reach = (diagonal: number): number => trace[edits]?.[diagonal + edits + 1] ?? 0;
    const diagonal = x - y;
    const down = diagonal === -edits || (diagonal !== edits && reach(diagonal - 1) < reach(diagonal + 1));
    const from = down ? diagonal + 1 : diagonal - 1;
    const [fromX, fromY] = [reach(from), reach(from) - from];
    for (; x > fromX && y > fromY; x -= 1, y -= 1) lines.push({sign: ' ', text: old[x - 1] ?? ''});
    if (edits > 0) lines.push(down ? {sign: '+', text: fresh[fromY] ?? ''} : {sign: '-', text: old[fromX] ?? ''});
    [x, y] = [fromX, fromY];
  }
  return lines.reverse();
}

/** How far each diagonal (-edits - 1 to edits + 1) reached before each further edit; undefined when that takes more edits than are worth it. */
function findTrace(old: readonly string[], fresh: readonly string[]): readonly Int32Array[] | undefined {
  const most = Math.min(maxEdits, old.length + fresh.length);
  const zero = most + 1;
  const reach = new Int32Array(2 * most + 3);
  const trace: Int32Array[] = [];
  for (let edits = 0; edits <= most; edits += 1) {
    trace.push(reach.slice(zero - edits - 1, zero + edits + 2));
    for (let diagonal = -edits; diagonal <= edits; diagonal += 2) {
      const [left, right] = [reach[zero + diagonal - 1] ?? 0, reach[zero + diagonal + 1] ?? 0];
      let x = diagonal === -edits || (diagonal !== edits && left < right) ? right : left + 1;
      while (x < old.length && x - diagonal < fresh.length && old[x] === fresh[x - diagonal]) x += 1;
      reach[zero + diagonal] = x;
      if (x >= old.length && x - diagonal >= fresh.length) return trace;
    }
  }
  return undefined;
}

/** One place that differs: the head, `@@ -1,4 +1,5 @@`, and its lines with three around each change. */
export interface Hunk {
  readonly head: string;
  readonly lines: readonly DiffLine[];
}

/** A difference in the places of `diff -u`. */
export function cutHunks(lines: readonly DiffLine[]): readonly Hunk[] {
  const hunks: Hunk[] = [];
  const changed = lines.flatMap(({sign}, index) => (sign === ' ' ? [] : [index]));
  for (let first = 0; first < changed.length; ) {
    let last = first;
    while (last + 1 < changed.length && (changed[last + 1] ?? 0) - (changed[last] ?? 0) <= 2 * contextLines) last += 1;
    const from = Math.max(0, (changed[first] ?? 0) - contextLines);
    const shown = lines.slice(from, (changed[last] ?? 0) + contextLines + 1);
    const count = (some: readonly DiffLine[], other: '-' | '+'): number => some.filter(({sign}) => sign !== other).length;
    const range = (other: '-' | '+'): string => {
      const length = count(shown, other);
      const start = count(lines.slice(0, from), other) + (length === 0 ? 0 : 1);
      return length === 1 ? `${start}` : `${start},${length}`;
    };
    hunks.push({head: `@@ -${range('+')} +${range('-')} @@`, lines: shown});
    first = last + 1;
  }
  return hunks;
}

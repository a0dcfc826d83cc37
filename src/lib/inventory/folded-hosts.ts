const collator = new Intl.Collator('en', {numeric: true});

/** Numbers before text, `web2` before `web10`: the order people expect of hosts. Total, so that one set has one order. */
export function compareHosts(one: string, other: string): number {
  return collator.compare(one, other) || (one < other ? -1 : one > other ? 1 : 0);
}

/** Brackets of an earlier pass are one piece; numbers too long to count are text. */
const piecePattern = /(\[[^\]]*\]|(?<!\d)\d{1,15}(?!\d))/;

interface Candidate {
  readonly before: string;
  readonly after: string;
  /** number as written -> the name it came from */
  readonly members: Map<string, string>;
}

/** Each name under each of its numbers: `web1.eu2` may fold as `web#.eu2` or as `web1.eu#`. */
function collectCandidates(names: readonly string[]): Candidate[] {
  const candidates = new Map<string, Candidate>();
  for (const name of names) {
    const pieces = name.split(piecePattern);
    for (let index = 1; index < pieces.length; index += 2) {
      const digits = pieces[index] ?? '';
      if (digits.startsWith('[')) continue;
      const before = pieces.slice(0, index).join('');
      const after = pieces.slice(index + 1).join('');
      const key = `${before}\n${after}`;
      const candidate = candidates.get(key) ?? {before, after, members: new Map<string, string>()};
      candidates.set(key, candidate);
      candidate.members.set(digits, name);
    }
  }
  return [...candidates.values()];
}

/** `01,02,03,7,100` -> `7,01-03,100`: each number in the widest padding that gives it back. */
function foldNumbers(numbers: readonly string[]): string {
  const widths = [...new Set(numbers.filter((digits) => /^0./.test(digits)).map((digits) => digits.length))].sort((a, b) => b - a);
  const byWidth = new Map<number, number[]>();
  for (const digits of numbers) {
    const width =
      widths.find((candidate) =>
        digits.startsWith('0') && digits.length > 1 ? candidate === digits.length : candidate <= digits.length,
      ) ?? 1;
    byWidth.set(width, [...(byWidth.get(width) ?? []), Number(digits)]);
  }
  const folded: string[] = [];
  for (const [width, values] of [...byWidth].sort(([one], [other]) => one - other)) {
    values.sort((a, b) => a - b);
    for (let start = 0; start < values.length; ) {
      let end = start;
      while (values[end + 1] === (values[end] ?? 0) + 1) end++;
      const [first, last] = [values[start] ?? 0, values[end] ?? 0].map((value) => String(value).padStart(width, '0'));
      folded.push(start === end ? `${first}` : `${first}-${last}`);
      start = end + 1;
    }
  }
  return folded.join(',');
}

/** Folds one number of each name, the one that most names share; names that found no company stay as they are. */
function foldOnce(sorted: ReadonlyMap<string, string>): Map<string, string> {
  const free = new Map(sorted);
  const folded: [text: string, first: string][] = [];
  const candidates = collectCandidates([...sorted.keys()]).filter(({members}) => members.size > 1);
  for (const {before, after, members} of candidates.sort((one, other) => other.members.size - one.members.size)) {
    const taken = [...members].filter(([, name]) => free.has(name));
    const first = free.get(taken[0]?.[1] ?? '');
    if (first === undefined || taken.length < 2) continue;
    for (const [, name] of taken) free.delete(name);
    folded.push([`${before}[${foldNumbers(taken.map(([digits]) => digits))}]${after}`, first]);
  }
  return new Map([...folded, ...free].sort(([, one], [, other]) => compareHosts(one, other)));
}

/**
 * Host names as people write them: `web[1-3,7].eu,lb1`. The same set gives the same text, whatever its order; `expandHostSet`
 * gives the set back (up to its limit). Padding is kept; several varying numbers become several brackets where that is exact.
 */
export function foldHostSet(names: Iterable<string>): string {
  // What was folded -> its first name, which decides the order.
  let folded = new Map([...new Set(names)].sort(compareHosts).map((name) => [name, name]));
  for (let before = Number.POSITIVE_INFINITY; folded.size < before; ) {
    before = folded.size;
    folded = foldOnce(folded);
  }
  return [...folded.keys()].join(',');
}

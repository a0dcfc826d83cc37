import {HashedNames} from './hashed-names.js';
import type {WorkSlices} from './work-slices.js';

/**
 * Which lines of a known_hosts file, or blocks of an ssh_config, speak of a name. Plain names are found by a map; only patterns and hashed names
 * are gone through, in slices, and only once for each name.
 */
export class NamePatterns {
  private readonly plain = new Map<string, number[]>();
  private readonly patterned: {readonly patterns: string; readonly line: number}[] = [];
  private readonly hashed = new HashedNames();
  private readonly found = new Map<string, Promise<readonly number[]>>();

  constructor(private readonly slices: WorkSlices) {}

  /** `names` are patterns between commas, or one hashed name. In any case of letters. */
  add(names: string, line: number): void {
    if (names.startsWith('|1|')) this.hashed.add(names, line);
    else if (/[*?!]/.test(names)) this.patterned.push({patterns: names.toLowerCase(), line});
    else {
      for (const name of new Set(names.toLowerCase().split(','))) {
        const lines = this.plain.get(name);
        if (lines === undefined) this.plain.set(name, [line]);
        else lines.push(line);
      }
    }
  }

  /** The lines of a name, in their order. */
  find(name: string): Promise<readonly number[]> {
    const lower = name.toLowerCase();
    const known = this.found.get(lower);
    if (known !== undefined) return known;
    const finding = this.slices.run(() => this.search(lower));
    this.found.set(lower, finding);
    return finding;
  }

  private async search(name: string): Promise<readonly number[]> {
    const lines = [...(this.plain.get(name) ?? [])];
    for (const {patterns, line} of this.patterned) {
      if (matchesPatterns(name, patterns)) lines.push(line);
      await this.slices.spend(1);
    }
    return [...lines, ...(await this.hashed.find(name, this.slices))].sort((one, other) => one - other);
  }
}

function matchesPatterns(name: string, patterns: string): boolean {
  let matched = false;
  for (const pattern of patterns.split(',')) {
    const negated = pattern.startsWith('!');
    if (!matchesPattern(name, negated ? pattern.slice(1) : pattern)) continue;
    if (negated) return false;
    matched = true;
  }
  return matched;
}

/** `*` and `?` as in ssh_config; linear in both lengths for the patterns that occur. */
function matchesPattern(name: string, pattern: string): boolean {
  let at = 0;
  let from = 0;
  let star = -1;
  let mark = 0;
  while (at < name.length) {
    if (from < pattern.length && (pattern[from] === '?' || pattern[from] === name[at])) {
      at++;
      from++;
    } else if (pattern[from] === '*') {
      star = from++;
      mark = at;
    } else if (star >= 0) {
      from = star + 1;
      at = ++mark;
    } else {
      return false;
    }
  }
  while (pattern[from] === '*') from++;
  return from === pattern.length;
}

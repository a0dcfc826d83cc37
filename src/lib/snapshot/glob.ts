/** True for a path, given as its components, that the whole pattern fits. */
export type Glob = (path: readonly string[]) => boolean;

/** One character: itself, or of a set. */
type Single = string | RegExp;

/** What one component of a path has to be: runs of single characters with a star between each two. */
type Component = Single[][];

const anyCharacter = /[^/]/;

const classNames: Readonly<Record<string, string>> = {
  alnum: 'a-zA-Z0-9',
  alpha: 'a-zA-Z',
  blank: ' \\t',
  digit: '0-9',
  lower: 'a-z',
  punct: '!-\\/:-@\\[-`{-~',
  space: '\\s',
  upper: 'A-Z',
  xdigit: '0-9a-fA-F',
};

function quote(character: string): string {
  return /[\\^$.*+?()[\]{}|/-]/.test(character) ? `\\${character}` : character;
}

/** Reads `[...]` that starts at `start`; undefined when it is not closed or counts down (git: such a pattern matches nothing). */
function readClass(glob: string, start: number): {readonly set: RegExp; readonly end: number} | undefined {
  let at = start + 1;
  const negated = glob[at] === '!' || glob[at] === '^';
  if (negated) at += 1;
  let members = '';
  const first = at;
  while (at < glob.length && (glob[at] !== ']' || at === first)) {
    const named = /^\[:([a-z]+):\]/.exec(glob.slice(at));
    if (named !== null) {
      const set = classNames[named[1] ?? ''];
      if (set === undefined) return undefined;
      members += set;
      at += named[0].length;
      continue;
    }
    const isRange = glob[at] === '-' && at > first && glob[at + 1] !== ']' && at + 1 < glob.length;
    if (glob[at] === '\\') at += 1;
    const character = glob[at];
    if (character === undefined) return undefined;
    members += isRange && character === '-' ? '-' : quote(character);
    at += character.length;
  }
  if (at >= glob.length) return undefined;
  try {
    return {set: new RegExp(`(?!/)[${negated ? '^' : ''}${members}]`), end: at};
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function fitsRun(run: readonly Single[], text: string, at: number): boolean {
  for (let index = 0; index < run.length; index += 1) {
    const single = run[index];
    const character = text[at + index] ?? '';
    if (typeof single === 'string' ? single !== character : single?.test(character) === false) return false;
  }
  return true;
}

/**
 * A run between two stars is taken where it first fits, since that leaves most to those after it: to try its other places would find nothing more,
 * and takes time that is exponential in the number of stars.
 */
function fitsComponent(runs: Component, text: string): boolean {
  const first = runs[0] ?? [];
  const last = runs.at(-1) ?? [];
  if (runs.length === 1) return text.length === first.length && fitsRun(first, text, 0);
  const end = text.length - last.length;
  let at = first.length;
  if (at > end || !fitsRun(last, text, end) || !fitsRun(first, text, 0)) return false;
  for (const run of runs.slice(1, -1)) {
    while (at + run.length <= end && !fitsRun(run, text, at)) at += 1;
    at += run.length;
    if (at > end) return false;
  }
  return true;
}

interface Parsed {
  /** Components, and between each two of these parts a double star: any number of components. */
  readonly parts: readonly (readonly Component[])[];
  /** Something has to follow, whatever it is. */
  readonly isPrefix: boolean;
}

function fitsPart(part: readonly Component[], path: readonly string[], at: number): boolean {
  if (at + part.length > path.length) return false;
  for (let index = 0; index < part.length; index += 1) {
    if (!fitsComponent(part[index] ?? [], path[at + index] ?? '')) return false;
  }
  return true;
}

/** As with runs: a part between double stars is taken where it first fits. */
function fitsPath({parts, isPrefix}: Parsed, path: readonly string[]): boolean {
  const [first = []] = parts;
  if (!fitsPart(first, path, 0)) return false;
  let at = first.length;
  if (parts.length === 1) return isPrefix ? at < path.length : at === path.length;
  for (const part of parts.slice(1, isPrefix ? undefined : -1)) {
    while (at + part.length <= path.length && !fitsPart(part, path, at)) at += 1;
    at += part.length;
  }
  if (isPrefix) return at < path.length;
  const last = parts.at(-1) ?? [];
  return at <= path.length - last.length && fitsPart(last, path, path.length - last.length);
}

function parseGlob(glob: string): Parsed | undefined {
  let part: Component[] = [];
  let run: Single[] = [];
  let component: Component = [run];
  const parts = [part];
  for (let at = 0; at < glob.length; at += 1) {
    const atStart = at === 0 || glob[at - 1] === '/';
    if (atStart && glob.startsWith('**/', at)) {
      part = [];
      parts.push(part);
      at += 2;
    } else if (atStart && glob.slice(at) === '**') {
      return {parts, isPrefix: true};
    } else if (glob[at] === '*') {
      while (glob[at + 1] === '*') at += 1;
      run = [];
      component.push(run);
    } else if (glob[at] === '?') {
      run.push(anyCharacter);
    } else if (glob[at] === '[') {
      const found = readClass(glob, at);
      if (found === undefined) return undefined;
      run.push(found.set);
      at = found.end;
    } else {
      if (glob[at] === '\\') at += 1;
      const character = glob[at];
      if (character === undefined) return undefined;
      if (character !== '/') {
        run.push(character);
        continue;
      }
      part.push(component);
      run = [];
      component = [run];
    }
  }
  part.push(component);
  return {parts, isPrefix: false};
}

/**
 * gitignore's glob (wildmatch), for a path or a name alone; undefined when it matches nothing. Whatever the pattern, the time is at most the product of
 * both lengths.
 */
export function compileGlob(glob: string): Glob | undefined {
  const parsed = parseGlob(glob);
  return parsed && ((path) => fitsPath(parsed, path));
}

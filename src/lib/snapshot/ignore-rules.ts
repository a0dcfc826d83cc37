/** True for a path (relative, `/`-separated) that is left out. What lies below an ignored directory is never asked. */
export type Ignores = (path: string, isDirectory: boolean) => boolean;

/** Always left out, unless a later pattern starting with `!` takes one back in. */
export const defaultIgnores: readonly string[] = ['.git', '.hg', '.svn', '.DS_Store', '/.droverignore'];

interface Rule {
  readonly expression: RegExp;
  /** What a pattern without special characters says: comparing is quicker than matching, and a walk does it for every path. */
  readonly literal: string | undefined;
  readonly negated: boolean;
  readonly directoryOnly: boolean;
  /** A pattern without a slash is matched against the last component alone. */
  readonly nameOnly: boolean;
}

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

/** Translates `[...]` that starts at `start`; undefined when it is not closed (git: such a pattern matches nothing). */
function translateClass(glob: string, start: number): {readonly source: string; readonly end: number} | undefined {
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
  return {source: `(?!/)[${negated ? '^' : ''}${members}]`, end: at};
}

/** gitignore's glob (wildmatch) as a regular expression over a whole path. */
function translateGlob(glob: string): RegExp | undefined {
  let source = '';
  for (let at = 0; at < glob.length; at += 1) {
    const character = glob[at] ?? '';
    const atStart = at === 0 || glob[at - 1] === '/';
    if (atStart && glob.startsWith('**/', at)) {
      source += '(?:.*/)?';
      at += 2;
    } else if (atStart && glob.slice(at) === '**') {
      source += '.*';
      at += 1;
    } else if (character === '*') {
      while (glob[at + 1] === '*') at += 1;
      source += '[^/]*';
    } else if (character === '?') {
      source += '[^/]';
    } else if (character === '[') {
      const set = translateClass(glob, at);
      if (set === undefined) return undefined;
      source += set.source;
      at = set.end;
    } else if (character === '\\') {
      at += 1;
      if (at >= glob.length) return undefined;
      source += quote(glob[at] ?? '');
    } else {
      source += quote(character);
    }
  }
  try {
    return new RegExp(`^${source}$`, 's');
  } catch (error) {
    // A range that counts down ("[z-a]"): it matches nothing in git.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function parseRule(line: string): Rule | undefined {
  let pattern = line.replace(/\r$/, '');
  if (pattern.startsWith('#')) return undefined;
  // Trailing spaces go, unless escaped.
  while (pattern.endsWith(' ') && !/(?:^|[^\\])(?:\\\\)*\\ $/.test(pattern)) pattern = pattern.slice(0, -1);
  const negated = pattern.startsWith('!');
  if (negated) pattern = pattern.slice(1);
  const directoryOnly = pattern.endsWith('/');
  if (directoryOnly) pattern = pattern.slice(0, -1);
  if (pattern === '') return undefined;
  const nameOnly = !pattern.includes('/');
  if (pattern.startsWith('/')) pattern = pattern.slice(1);
  const expression = translateGlob(pattern);
  const literal = /[*?[\\]/.test(pattern) ? undefined : pattern;
  return expression === undefined ? undefined : {expression, literal, negated, directoryOnly, nameOnly};
}

/** Compiles patterns of gitignore's grammar, in order; the last one that matches decides. */
export function compileIgnores(lines: readonly string[]): Ignores {
  const rules = lines
    .map(parseRule)
    .filter((rule) => rule !== undefined)
    .reverse();
  return (path, isDirectory) => {
    const name = path.slice(path.lastIndexOf('/') + 1);
    for (const {expression, literal, negated, directoryOnly, nameOnly} of rules) {
      if (directoryOnly && !isDirectory) continue;
      const text = nameOnly ? name : path;
      if (literal === undefined ? expression.test(text) : literal === text) return !negated;
    }
    return false;
  };
}

/** The lines of an ignore file: a byte order mark and CRLF are accepted. */
export function splitIgnoreFile(text: string): string[] {
  return text.replace(/^\ufeff/, '').split('\n');
}

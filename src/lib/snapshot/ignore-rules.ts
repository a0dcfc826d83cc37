import {compileGlob, type Glob} from './glob.js';

/** True for a path (relative, `/`-separated) that is left out. What lies below an ignored directory is never asked. */
export type Ignores = (path: string, isDirectory: boolean) => boolean;

/** Always left out, unless a later pattern starting with `!` takes one back in. */
export const defaultIgnores: readonly string[] = ['.git', '.hg', '.svn', '.DS_Store', '/.droverignore'];

interface Rule {
  readonly glob: Glob;
  /** What a pattern without special characters says: comparing is quicker than matching, and a walk does it for every path. */
  readonly literal: string | undefined;
  readonly negated: boolean;
  readonly directoryOnly: boolean;
  /** A pattern without a slash is matched against the last component alone. */
  readonly nameOnly: boolean;
}

/** Without the spaces at its end, but for one that is escaped. */
function dropSpaces(pattern: string): string {
  let end = pattern.length;
  while (pattern[end - 1] === ' ') end -= 1;
  let slashes = end;
  while (pattern[slashes - 1] === '\\') slashes -= 1;
  return pattern.slice(0, (end - slashes) % 2 === 1 ? end + 1 : end);
}

function parseRule(line: string): Rule | undefined {
  if (line.startsWith('#')) return undefined;
  let pattern = dropSpaces(line.replace(/\r$/, ''));
  const negated = pattern.startsWith('!');
  if (negated) pattern = pattern.slice(1);
  const directoryOnly = pattern.endsWith('/');
  if (directoryOnly) pattern = pattern.slice(0, -1);
  if (pattern === '') return undefined;
  const nameOnly = !pattern.includes('/');
  if (pattern.startsWith('/')) pattern = pattern.slice(1);
  const glob = compileGlob(pattern);
  const literal = /[*?[\\]/.test(pattern) ? undefined : pattern;
  return glob === undefined ? undefined : {glob, literal, negated, directoryOnly, nameOnly};
}

/** Compiles patterns of gitignore's grammar, in order; the last one that matches decides. */
export function compileIgnores(lines: readonly string[]): Ignores {
  const rules = lines
    .map(parseRule)
    .filter((rule) => rule !== undefined)
    .reverse();
  return (path, isDirectory) => {
    const components = path.split('/');
    const name = components.slice(-1);
    for (const {glob, literal, negated, directoryOnly, nameOnly} of rules) {
      if (directoryOnly && !isDirectory) continue;
      if (literal === undefined ? glob(nameOnly ? name : components) : literal === (nameOnly ? name[0] : path)) return !negated;
    }
    return false;
  };
}

/** The lines of an ignore file: a byte order mark and CRLF are accepted. */
export function splitIgnoreFile(text: string): string[] {
  return text.replace(/^\ufeff/, '').split('\n');
}

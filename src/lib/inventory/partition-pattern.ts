import {DroverError} from '../errors/drover-error.js';
import {matchesWildcard} from './wildcard.js';

/**
 * Reads a pattern of a partition rule: components joined by `/`, `*` and `?` inside one, `**` for any number of them. `de/**` is `de` and
 * all below it. Throws `usage`.
 */
export function parsePathPattern(text: string): readonly string[] {
  const refuse = (why: string, fix: string): never => {
    throw new DroverError({code: 'usage', message: `path pattern ${JSON.stringify(text)} ${why}`, fix});
  };
  if (text === '' || /\p{Cc}/u.test(text)) refuse('is empty or holds control characters', 'write, for example, "de/**"');
  const parts = text.replace(/\/+$/, '').split('/');
  if (parts[0] === '') refuse('begins with a slash', 'write it from the root of the tree, without the slash');
  if (parts.some((part) => part === '' || part === '.' || part === '..')) refuse('has an empty, "." or ".." component', 'remove it');
  if (parts.some((part) => part !== '**' && part.includes('**')))
    refuse('has "**" beside other characters', 'let "**" stand alone between slashes');
  return parts;
}

/** Whether a parsed pattern stands for a path. Linear but for the product of both lengths. */
export function matchesPath(pattern: readonly string[], path: string): boolean {
  const names = path.split('/');
  // Which prefixes of the pattern can stand for the names read so far.
  let reached = spread(pattern, new Set([0]));
  for (const name of names) {
    const next = new Set<number>();
    for (const at of reached) {
      const part = pattern[at];
      if (part === undefined) continue;
      if (part === '**') next.add(at);
      else if (matchesWildcard(part, name)) next.add(at + 1);
    }
    reached = spread(pattern, next);
    if (reached.size === 0) return false;
  }
  return reached.has(pattern.length);
}

/** `**` may stand for nothing. */
function spread(pattern: readonly string[], reached: Set<number>): Set<number> {
  for (const at of reached) if (pattern[at] === '**') reached.add(at + 1);
  return reached;
}

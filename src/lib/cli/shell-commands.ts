import {type ParseEntry, parse} from 'shell-quote';

/** Stands before what a reader of the line is to fill in: a letter that no document has. */
const mark = '\uE000';
/** In place of a # within a word, which begins no comment. */
const hash = '\uE001';

/** True for a word that a person or the shell fills in: `$RUN`, `<run>`, `RUN`. */
export function isPlaceholder(word: string): boolean {
  return /[\uE000$]/.test(word) || /^[A-Z][A-Z0-9_-]*(?::[a-z]+)?$/.test(word);
}

/**
 * The simple commands of one logical line of shell, each as its words without quotes; those of `$(…)` and of groups on their own, before the one they
 * stand in. Assignments stay, redirections and comments do not. `<name>` becomes one word that is a placeholder, and the brackets around an
 * optional part go. A line that is no shell gives what can be made of it.
 */
export function splitCommands(line: string): readonly (readonly string[])[] {
  const readable = line
    .replace(/<([A-Za-z][\w.: -]*)>/g, (_, name: string) => mark + name.replaceAll(' ', '-'))
    .replace(/(^|\s)\[([^\]]+)\]/g, '$1$2')
    .replace(/`([^`]*)`/g, '$($1)')
    .replace(/(?<=[^\s;&|(])#/g, hash)
    .replace(/(^|\s)\d+(?=[<>])/g, '$1');
  const done: string[][] = [];
  const open: string[][] = [[]];
  let isTarget = false;
  for (const entry of readEntries(readable)) {
    if (typeof entry === 'object' && 'comment' in entry) break;
    const current = open.at(-1) ?? [];
    if (typeof entry === 'string' || entry.op === 'glob') {
      const word = (typeof entry === 'string' ? entry : entry.pattern).replaceAll(hash, '#');
      if (isTarget) isTarget = false;
      else if (word !== '') current.push(word);
      continue;
    }
    isTarget = /^(?:>>?|<|>&|<<<)$/.test(entry.op);
    if (isTarget) continue;
    if (entry.op === '(' || entry.op === '<(') open.push([]);
    else if (entry.op === ')' && open.length > 1) done.push(open.pop() ?? []);
    else {
      done.push(current);
      open[open.length - 1] = [];
    }
  }
  const substituted = [...done, ...open]
    .flat()
    .flatMap((word) => [...word.matchAll(/\$\((.+)\)/g)].flatMap(([, inner = '']) => splitCommands(inner)));
  return [...substituted, ...done, ...open.reverse()].filter((words) => words.length > 0);
}

function readEntries(line: string): ParseEntry[] {
  try {
    return parse(line, (name) => `$${name}`);
  } catch {
    // `${` without an end, or in a way that only a shell knows.
    return line.split(/\s+/);
  }
}

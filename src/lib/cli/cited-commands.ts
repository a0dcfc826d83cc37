import MarkdownIt from 'markdown-it';
import {splitCommands} from './shell-commands.js';

/** A drover command as a document cites it. */
export interface CitedCommand {
  /** Where its first word stands; 1-based. */
  readonly line: number;
  readonly column: number;
  /** What follows `drover`, without quotes. */
  readonly words: readonly string[];
  /** It is named in a sentence, or ends in dots: what the command needs besides may be left out. */
  readonly isPartial: boolean;
}

/** What may stand before a command that is still a command. */
const forerunners: ReadonlySet<string> = new Set(
  '! { if then elif else while until do time exec command nohup setsid sudo doas env npx nice watch timeout xargs'.split(' '),
);

/** What runs the words that it is given as commands. */
const runners: ReadonlySet<string> = new Set(
  'sh bash zsh dash ksh fish ssh su eval docker podman kubectl flock parallel watch timeout run: script: command: cmd: -'.split(' '),
);

/** What says that more may follow. */
const more: ReadonlySet<string> = new Set(['…', '...', 'FLAGS', 'OPTIONS', 'ARGS']);

/** Languages of blocks in which a line that begins with `drover` is a command; a block that names none is one of them. */
const shells: ReadonlySet<string> = new Set([
  '',
  ...'sh bash zsh dash ksh fish shell shell-session shellsession console terminal'.split(' '),
]);

/** Languages of blocks that cite nothing: what was, what is printed, what is said in a program. */
const notes: ReadonlySet<string> = new Set(
  'text txt plain log diff patch json json5 js javascript ts typescript python go rust html css sql mermaid'.split(' '),
);

/** A line of a session: `$ drover status`, `deploy@ops:~$ drover status`. */
const prompt = /^\s*(?:[\w.@:~/-]*[$#%❯])\s+/;

interface Place {
  readonly line: number;
  readonly column: number;
}

/** A logical line of code, and the lines of the document that it takes. */
interface CodeLine {
  readonly text: string;
  readonly line: number;
  readonly rows: number;
}

/**
 * Every drover command in the code of a Markdown document: blocks, sessions with prompts, and code in sentences that begins with `drover`. Elsewhere in a
 * line, after another program or in a quoted string, it counts where the next word is the first one of a command: `first` has those.
 */
export function findCitedCommands(markdown: string, first: ReadonlySet<string>): readonly CitedCommand[] {
  const lines = markdown.split(/\r\n|\r|\n/);
  const found: CitedCommand[] = [];
  let place: readonly number[] = [];
  // With HTML its comments are no text. Cells of a table have no lines of their own.
  for (const token of new MarkdownIt({html: true}).parse(lines.join('\n'), {})) {
    place = token.map ?? place;
    const [start = 0, end = start] = place;
    // The first line of a fenced block is its fence.
    const blockLine = token.type === 'fence' ? start + 2 : token.type === 'code_block' ? start + 1 : undefined;
    const language = /^[^\s{]*/.exec(token.info)?.[0].toLowerCase() ?? '';
    const isShell = shells.has(language);
    if (blockLine !== undefined && !notes.has(language)) found.push(...findInBlock(token.content, blockLine, {lines, first, isShell}));
    const spans = (token.children ?? []).filter(({type}) => type === 'code_inline').map(({content}) => content);
    if (token.type === 'inline') found.push(...findInSentences(spans, lines.slice(start, end), start + 1));
  }
  return found;
}

function findInBlock(
  text: string,
  firstLine: number,
  {lines, first, isShell}: {readonly lines: readonly string[]; readonly first: ReadonlySet<string>; readonly isShell: boolean},
): readonly CitedCommand[] {
  return listLines(text, firstLine).flatMap(({text: code, line, rows}) => {
    const taken = new Set<string>();
    return splitCommands(code)
      .flatMap((words) => findDrover(words, {first, isShell}))
      .map((words) => toCommand(words, locate(words, {lines, line, rows, taken}), false));
  });
}

function findInSentences(spans: readonly string[], lines: readonly string[], firstLine: number): readonly CitedCommand[] {
  const text = lines.join('\n');
  let from = 0;
  return spans.flatMap((span) => {
    // A span may go on in the next line, behind the marks of a quotation.
    const pattern = span.split(' ').map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
    const match = new RegExp(pattern.join('(?: |\\n[\\s>]*)')).exec(text.slice(from));
    const at = from + (match?.index ?? 0);
    from = at + (match?.[0].length ?? 0);
    if (!/^(?:[$#%]\s+)?drover(?:\s|$)/.test(span)) return [];
    const before = text.slice(0, at + span.indexOf('drover')).split('\n');
    const place = {line: firstLine + before.length - 1, column: (before.at(-1) ?? '').length + 1};
    return splitCommands(span.replace(prompt, ''))
      .flatMap((words) => findDrover(words, {first: new Set(), isShell: true}))
      .map((words) => toCommand(words, place, true));
  });
}

function toCommand(words: readonly string[], place: Place, isNamed: boolean): CitedCommand {
  const kept = words.filter((word) => !more.has(word));
  return {...place, words: kept, isPartial: isNamed || kept.length < words.length};
}

/** The logical lines that may be commands: lines that end in a backslash go on, bodies of here-documents and what a session answered are left out. */
function listLines(text: string, firstLine: number): readonly CodeLine[] {
  const lines = text.split('\n');
  const isSession = lines.some((line) => /^\s*[\w.@:~/-]*[$%❯]\s+\S/.test(line));
  const found: CodeLine[] = [];
  let body: string | undefined;
  for (let index = 0; index < lines.length; index += 1) {
    const start = index;
    let whole = lines[index] ?? '';
    if (body !== undefined) {
      if (whole.trim() === body) body = undefined;
      continue;
    }
    if (isSession && !prompt.test(whole)) continue;
    while (/(?:^|[^\\])\\$/.test(whole) && index + 1 < lines.length) {
      index += 1;
      whole = `${whole.slice(0, -1)} ${(lines[index] ?? '').replace(/^\s*>\s/, '')}`;
    }
    const code = isSession ? whole.replace(prompt, '') : whole;
    const end = findQuoteEnd(code, lines, index);
    const document = /(?<!<)<<-?\s*(?:\\?([\w.-]+)|'([^']+)'|"([^"]+)")/
      .exec(code)
      ?.slice(1)
      .find((word) => word !== undefined);
    // What has no end further down is a shift, or is quoted.
    if (document !== undefined && lines.slice(index + 1).some((line) => line.trim() === document)) body = document;
    found.push({text: [code, ...lines.slice(index + 1, end + 1)].join(' '), line: firstLine + start, rows: end - start + 1});
    index = end;
  }
  return found;
}

/** The line on which quotes end that a line opens: itself where it opens none, or none that end. */
function findQuoteEnd(code: string, lines: readonly string[], index: number): number {
  let open = readQuotes(code, '');
  if (open === '') return index;
  for (let end = index + 1; end < Math.min(lines.length, index + 50); end += 1) {
    open = readQuotes(lines[end] ?? '', open);
    if (open === '') return end;
  }
  return index;
}

/** The quote that is open at the end of a line which begins within `open`. */
function readQuotes(line: string, open: string): string {
  let quote = open;
  for (const [mark, plain] of line.matchAll(/\\.|(['"])|\s#.*/g)) {
    if (plain === undefined && mark.startsWith('\\')) continue;
    if (plain === undefined) {
      if (quote === '') return quote;
    } else if (quote === '') quote = plain;
    else if (quote === plain) quote = '';
  }
  return quote;
}

/** What follows `drover` in a command, or in a command that is one of its words. */
function findDrover(
  words: readonly string[],
  {first, isShell}: {readonly first: ReadonlySet<string>; readonly isShell: boolean},
): readonly (readonly string[])[] {
  const at = words.findIndex((word, index) => isDrover(word) && !takesName.test(words[index - 1] ?? ''));
  if (at >= 0) {
    const rest = words.slice(at + 1);
    const isCommand = isShell && words.slice(0, at).every((word, index) => goesBefore(word, words[index - 1]));
    return isCommand || first.has(rest[0] ?? '') ? [rest] : [];
  }
  const isRun = words.some((word) => runners.has(word.replace(/^.*\//, ''))) || /:$/.test(words[0] ?? '');
  return isRun
    ? words
        .filter((word) => /\s/.test(word))
        .flatMap((word) => splitCommands(word).flatMap((inner) => findDrover(inner, {first, isShell: false})))
    : [];
}

/** Flags of sudo whose value may be a user who is called like us. */
const takesName = /^(?:-\w*[ugU]|--(?:user|group|other-user))$/;

function isDrover(word: string): boolean {
  return /^(?:[^\s=:]*\/)?drover$/.test(word);
}

function goesBefore(word: string, previous: string | undefined): boolean {
  return forerunners.has(word) || /^\w+=/.test(word) || /^[-\d]/.test(word) || (previous?.startsWith('-') ?? false);
}

/** Where the words stand among the lines of the document: where most of them follow `drover`, and no other command was found. */
function locate(
  words: readonly string[],
  {lines, line, rows, taken}: {lines: readonly string[]; line: number; rows: number; taken: Set<string>},
): Place {
  for (const length of [2, 1, 0]) {
    const start = ['drover', ...words.slice(0, length)].join(' ');
    for (let row = line; row < line + rows; row += 1) {
      const text = lines[row - 1] ?? '';
      for (let at = text.indexOf(start); at >= 0; at = text.indexOf(start, at + 1)) {
        if (taken.has(`${row}:${at}`)) continue;
        taken.add(`${row}:${at}`);
        return {line: row, column: at + 1};
      }
    }
  }
  return {line, column: 1};
}

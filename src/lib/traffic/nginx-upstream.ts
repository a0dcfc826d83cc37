interface Word {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** One `server` line of an upstream, and where its words stand in the file. */
export interface NginxServer {
  /** As it is written: `10.0.0.1:80`, `web1.example.com`, `unix:/run/app.sock`. */
  readonly address: string;
  readonly isDown: boolean;
  readonly isBackup: boolean;
  readonly words: readonly Word[];
}

/**
 * The `server` lines of one upstream: those of its block where the file has blocks of upstreams, else those outside of any block, for a file
 * that is included in one. Undefined when the text is no nginx configuration (a brace or a quote is open).
 */
export function readUpstream(text: string, upstream: string): readonly NginxServer[] | undefined {
  const found: {readonly server: NginxServer; readonly at: string}[] = [];
  const blocks: string[] = [];
  let words: Word[] = [];
  let hasBlocks = false;
  for (const mark of scan(text)) {
    if (mark === undefined) return undefined;
    if (mark.text === '{' && mark.isPunctuation) {
      blocks.push(words.map((word) => word.text).join(' '));
      hasBlocks ||= words[0]?.text === 'upstream';
      words = [];
    } else if (mark.text === '}' && mark.isPunctuation) {
      if (blocks.pop() === undefined || words.length > 0) return undefined;
    } else if (mark.text === ';' && mark.isPunctuation) {
      const [name, address, ...options] = words;
      if (name?.text === 'server' && address !== undefined) {
        const has = (option: string): boolean => options.some((word) => word.text === option);
        found.push({server: {address: address.text, isDown: has('down'), isBackup: has('backup'), words}, at: blocks.join('\n')});
      }
      words = [];
    } else words.push(mark);
  }
  if (blocks.length > 0 || words.length > 0) return undefined;
  return found.filter(({at}) => (hasBlocks ? at.split('\n').at(-1) === `upstream ${upstream}` : at === '')).map(({server}) => server);
}

/** The same text with these servers down, or up again. Not a byte of anything else changes. */
export function markServers(text: string, servers: readonly NginxServer[], isDown: boolean): string {
  let marked = text;
  for (const {words, isDown: wasDown} of [...servers].sort((one, other) => (other.words[0]?.start ?? 0) - (one.words[0]?.start ?? 0))) {
    const last = words.at(-1);
    if (wasDown === isDown || last === undefined) continue;
    if (isDown) {
      marked = `${marked.slice(0, last.end)} down${marked.slice(last.end)}`;
      continue;
    }
    for (const {start, end} of words.filter((word, index) => index > 1 && word.text === 'down').reverse()) {
      marked = marked.slice(0, start).replace(/[ \t]+$/, '') + marked.slice(end);
    }
  }
  return marked;
}

/** Words and punctuation, without comments; ends with undefined where a quote is open. */
function* scan(text: string): Generator<(Word & {readonly isPunctuation: boolean}) | undefined> {
  let at = 0;
  while (at < text.length) {
    const rest = text.slice(at, at + 1);
    if (/\s/.test(rest)) at += 1;
    else if (rest === '#') {
      const end = text.indexOf('\n', at);
      at = end === -1 ? text.length : end;
    } else if (/[;{}]/.test(rest)) {
      yield {text: rest, start: at, end: at + 1, isPunctuation: true};
      at += 1;
    } else {
      const word = /['"]/.test(rest) ? readQuoted(text, at) : readBare(text, at);
      if (word === undefined) {
        yield undefined;
        return;
      }
      yield {...word, isPunctuation: false};
      at = word.end;
    }
  }
}

function readQuoted(text: string, start: number): Word | undefined {
  const pattern = text[start] === '"' ? /"((?:[^"\\]|\\.)*)"/sy : /'((?:[^'\\]|\\.)*)'/sy;
  pattern.lastIndex = start;
  const match = pattern.exec(text);
  return match === null ? undefined : {text: (match[1] ?? '').replace(/\\(['"\\])/g, '$1'), start, end: pattern.lastIndex};
}

/** `${name}` is part of a word, a brace that stands alone is not. */
function readBare(text: string, start: number): Word {
  const pattern = /(?:\$\{[^}\s]*\}|\\.|[^\s;{}])+/sy;
  pattern.lastIndex = start;
  const match = pattern.exec(text);
  const end = match === null ? start + 1 : pattern.lastIndex;
  return {text: text.slice(start, end), start, end};
}

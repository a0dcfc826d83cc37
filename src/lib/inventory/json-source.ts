import {maxDepth, type SourceEntry, type SourceFault, type SourceNode} from './source-node.js';

class JsonFault extends Error {
  constructor(readonly fault: SourceFault) {
    super(fault.message);
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: RFC 8259 forbids exactly these in text
const stringPattern = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const numberPattern = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])/y;
const wordPattern = /(?:true|false|null)\b/y;

/** A strict reader of RFC 8259 that remembers where each value was written. */
class JsonReader {
  private at = 0;

  constructor(private readonly text: string) {}

  read(): SourceNode {
    const root = this.readValue(0);
    this.skipSpace();
    if (this.at < this.text.length) this.fail('the end of the file');
    return root;
  }

  private fail(expected: string): never {
    const found = this.text[this.at];
    const got = found === undefined ? 'the end of the file' : JSON.stringify(found);
    const fix = found === '/' ? 'remove the comment' : found === "'" ? 'use double quotes' : undefined;
    throw new JsonFault({offset: this.at, message: `not JSON: expected ${expected}, got ${got}`, ...(fix === undefined ? {} : {fix})});
  }

  private skipSpace(): void {
    while (/[ \t\r\n]/.test(this.text[this.at] ?? '')) this.at++;
  }

  private match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0];
    this.at += found?.length ?? 0;
    return found;
  }

  private take(character: string): boolean {
    this.skipSpace();
    if (this.text[this.at] !== character) return false;
    this.at++;
    return true;
  }

  private readString(expected: string): string {
    const found = this.match(stringPattern);
    if (found === undefined) this.fail(this.text[this.at] === '"' ? 'text in double quotes that ends on its line' : expected);
    return JSON.parse(found) as string;
  }

  private readValue(depth: number): SourceNode {
    this.skipSpace();
    const offset = this.at;
    if (depth > maxDepth) throw new JsonFault({offset, message: `nested more than ${maxDepth} levels deep`, fix: 'flatten it'});
    if (this.take('{')) return {kind: 'map', offset, entries: this.readEntries(depth)};
    if (this.take('[')) return {kind: 'list', offset, items: this.readItems(depth)};
    const raw = this.match(numberPattern) ?? this.match(wordPattern);
    if (raw !== undefined) return {kind: 'scalar', offset, value: JSON.parse(raw) as number | boolean | null, raw};
    const value = this.readString('a value');
    return {kind: 'scalar', offset, value, raw: this.text.slice(offset, this.at)};
  }

  private readEntries(depth: number): SourceEntry[] {
    const entries: SourceEntry[] = [];
    if (this.take('}')) return entries;
    do {
      this.skipSpace();
      const keyOffset = this.at;
      const key = this.readString('a key in double quotes');
      if (!this.take(':')) this.fail('":"');
      entries.push({key, keyOffset, value: this.readValue(depth + 1)});
    } while (this.take(','));
    if (!this.take('}')) this.fail('"," or "}"');
    return entries;
  }

  private readItems(depth: number): SourceNode[] {
    const items: SourceNode[] = [];
    if (this.take(']')) return items;
    do items.push(this.readValue(depth + 1));
    while (this.take(','));
    if (!this.take(']')) this.fail('"," or "]"');
    return items;
  }
}

/** Reads JSON; comments, trailing commas and everything else that is not JSON is one fault with its place. */
export function readJson(text: string): {readonly root?: SourceNode; readonly faults: readonly SourceFault[]} {
  try {
    return {root: new JsonReader(text).read(), faults: []};
  } catch (error) {
    if (error instanceof JsonFault) return {faults: [error.fault]};
    throw error;
  }
}

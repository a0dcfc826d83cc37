import {DroverError, type Problem} from '../errors/drover-error.js';

const limit = 20;

/** A source that is larger than anybody meant, or than was allowed. */
export function refuseTooMany(source: string, limit: number, things: 'files' | 'folders' = 'files'): DroverError {
  return new DroverError({
    code: 'invalid-source',
    message: `source ${source} holds more than ${limit.toLocaleString('en-US')} ${things}`,
    fix: 'ignore some, or raise max-files of the app',
  });
}

/** Collects everything that is wrong with a tree, so that it is told at once; at most 20 by name. */
export class SourceProblems {
  readonly #problems: Problem[] = [];
  readonly #source: string;
  #more = 0;

  constructor(source: string) {
    this.#source = source;
  }

  /** `what` is the end of a sentence that starts with the path. */
  add(path: string, what: string, fix: string): void {
    this.#add(`"${path}" in ${this.#source} ${what}`, fix);
  }

  /** Two sources have the same path, and nobody said which of them counts. */
  addConflict(path: string, first: string, second: string): void {
    this.#add(`"${path}" comes from ${first} and from ${second}`, 'remove one of them, or say on-conflict: first or last');
  }

  #add(message: string, fix: string): void {
    if (this.#problems.length >= limit) this.#more += 1;
    else this.#problems.push({code: 'invalid-source', message, fix});
  }

  /** A name that is no UTF-8 has no text form: its bytes are shown. */
  addBytes(directory: string, name: Buffer): void {
    const shown = [...name].map((byte) =>
      byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `<${byte.toString(16).padStart(2, '0')}>`,
    );
    this.add(
      `${directory}${shown.join('')}`,
      `has a name that is not valid UTF-8 (hex ${name.toString('hex')})`,
      'rename it, or ignore it',
    );
  }

  throwAny(): void {
    const [first, ...rest] = this.#problems;
    if (first === undefined) return;
    const more: Problem[] = this.#more === 0 ? [] : [{code: 'invalid-source', message: `and ${this.#more} more in ${this.#source}`}];
    throw new DroverError(first, ...rest, ...more);
  }
}

/** Collects warnings; at most 20 are kept, the rest is counted. */
export class SourceWarnings {
  readonly #lines: string[] = [];
  #more = 0;

  add(line: string): void {
    if (this.#lines.length >= limit) this.#more += 1;
    else this.#lines.push(line);
  }

  list(): readonly string[] {
    return this.#more === 0 ? this.#lines : [...this.#lines, `and ${this.#more} more warnings`];
  }
}

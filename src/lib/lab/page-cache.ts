import {readFile, stat} from 'node:fs/promises';
import path from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';

export interface Page {
  readonly body: Buffer;
  readonly type: string;
  /** When it was fetched from the origin, by the clock of the cache. */
  readonly fetchedMs: number;
}

export interface CachedPage {
  readonly page: Page;
  readonly outcome: 'hit' | 'miss';
}

const types: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.xml': 'application/xml',
};

/**
 * The pages of one release. A page that is not cached costs `missCostMs`, as a page does that an origin has to make;
 * requests that arrive meanwhile wait for the same fetch. What does not exist is not cached.
 */
export class PageCache {
  readonly #root: string;
  readonly #missCostMs: number;
  readonly #nowMs: () => number;
  readonly #pages = new Map<string, Promise<Page | undefined>>();

  constructor({root, missCostMs, nowMs}: {root: string; missCostMs: number; nowMs: () => number}) {
    this.#root = root;
    this.#missCostMs = missCostMs;
    this.#nowMs = nowMs;
  }

  /** `undefined` where the release has no such file. `pathname` is decoded and starts with a slash. */
  async get(pathname: string): Promise<CachedPage | undefined> {
    const known = this.#pages.get(pathname);
    const fetching = known ?? this.#fetch(pathname);
    if (known === undefined) this.#pages.set(pathname, fetching);
    const page = await fetching;
    if (page === undefined) this.#pages.delete(pathname);
    return page && {page, outcome: known === undefined ? 'miss' : 'hit'};
  }

  async #fetch(pathname: string): Promise<Page | undefined> {
    await sleep(this.#missCostMs);
    const file = await this.#findFile(path.join(this.#root, path.posix.normalize(pathname)));
    const body = file === undefined ? undefined : await readFile(file).catch(() => undefined);
    if (file === undefined || body === undefined) return undefined;
    return {body, type: types[path.extname(file)] ?? 'application/octet-stream', fetchedMs: this.#nowMs()};
  }

  async #findFile(file: string): Promise<string | undefined> {
    const found = await stat(file).catch(() => undefined);
    if (found?.isDirectory() === true) return path.join(file, 'index.html');
    return found?.isFile() === true ? file : undefined;
  }
}

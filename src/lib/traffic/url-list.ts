import {readFile} from 'node:fs/promises';
import {DroverError} from '../errors/drover-error.js';
import type {Link} from '../host/link.js';
import type {WarmSettings} from '../inventory/app.js';
import {readSitemap} from './sitemap.js';
import {readPath} from './url-path.js';

export interface UrlListOptions {
  /** Carries the fetch of a sitemap; a file is read on the operator's machine. */
  readonly link: Link;
  readonly settings: Pick<WarmSettings, 'from' | 'port' | 'hostHeader' | 'headers'>;
  readonly signal: AbortSignal;
}

/** Paths with their queries, each once, in the order they were found. */
export interface UrlList {
  readonly paths: readonly string[];
  /** True where more than `maxUrls` were found and the rest was left out. */
  readonly truncated: boolean;
}

export const maxUrls = 50_000;

/** What to warm. Hosts of URLs do not matter: the requests go to the host in hand. Throws when the list cannot be read or is empty. */
export async function readUrlList({link, settings, signal}: UrlListOptions): Promise<UrlList> {
  const {from} = settings;
  const list =
    from.kind === 'file' ? await readUrlFile(from.path, signal) : await readSitemap({link, settings, url: from.url, maxUrls, signal});
  if (list.paths.length > 0) return list;
  const name = from.kind === 'file' ? from.path : from.url;
  throw new DroverError({
    code: 'invalid-file',
    message: `"${name}" lists nothing to warm`,
    fix: 'put one path a line in it, or correct warm.from',
  });
}

async function readUrlFile(file: string, signal: AbortSignal): Promise<UrlList> {
  let text: string;
  try {
    text = await readFile(file, {encoding: 'utf8', signal});
  } catch (error) {
    signal.throwIfAborted();
    const why = error instanceof Error ? error.message : String(error);
    throw new DroverError({code: 'not-found', message: `cannot read the list of URLs: ${why}`, file, fix: 'correct warm.from'});
  }
  return parseUrlLines(text, file);
}

/** One path (`/a?b`) or URL a line; empty lines and lines that begin with `#` are left out. All bad lines are thrown at once. */
export function parseUrlLines(text: string, file: string): UrlList {
  const paths = new Set<string>();
  const problems = [];
  for (const [index, raw] of text
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const path = readPath(line);
    if (path !== undefined) paths.add(path);
    else
      problems.push({
        code: 'invalid-file',
        message: `"${line}" is neither a path nor an http URL`,
        file,
        line: index + 1,
        fix: 'write /path or https://…',
      } as const);
  }
  const [first, ...more] = problems;
  if (first !== undefined) throw new DroverError(first, ...more);
  return {paths: [...paths].slice(0, maxUrls), truncated: paths.size > maxUrls};
}

import {promisify} from 'node:util';
import {gunzip} from 'node:zlib';
import {DroverError} from '../errors/drover-error.js';
import type {Link} from '../host/link.js';
import type {WarmSettings} from '../inventory/app.js';
import {exchangeHttp, HttpFailure} from './http-exchange.js';
import {readPath} from './url-path.js';

export interface SitemapRequest {
  readonly link: Link;
  readonly settings: Pick<WarmSettings, 'port' | 'hostHeader' | 'headers'>;
  /** Path or URL; only its path and query are used. */
  readonly url: string;
  readonly maxUrls: number;
  readonly signal: AbortSignal;
}

/** What sitemaps.org allows for one sitemap, unpacked. */
const maxBytes = 50 * 1024 * 1024;
/** An index of indexes of sitemaps. */
const maxDepth = 3;
const maxSitemaps = 500;
const timeoutMs = 30_000;
const unzip = promisify(gunzip);

/** Follows a sitemap or an index of sitemaps, plain or gzip, all fetched from the host in hand. Throws on the first that is not one. */
export async function readSitemap({
  link,
  settings,
  url,
  maxUrls,
  signal,
}: SitemapRequest): Promise<{paths: readonly string[]; truncated: boolean}> {
  const paths = new Set<string>();
  const seen = new Set<string>();
  let level = [requirePath(url)];
  for (let depth = 1; level.length > 0; depth += 1) {
    if (depth > maxDepth) throw refuse(level[0] ?? url, `is more than ${maxDepth} sitemaps deep`);
    const next: string[] = [];
    for (const path of level) {
      if (seen.has(path)) continue;
      seen.add(path);
      if (seen.size > maxSitemaps) throw refuse(url, `leads to more than ${maxSitemaps} sitemaps`);
      const {pages, sitemaps} = await parseSitemap(path, await fetchSitemap(path, {link, settings, signal}));
      next.push(...sitemaps.map(requirePath));
      for (const page of pages) paths.add(requirePath(page));
      if (paths.size > maxUrls) return {paths: [...paths].slice(0, maxUrls), truncated: true};
    }
    level = next;
  }
  return {paths: [...paths], truncated: false};
}

async function fetchSitemap(path: string, {link, settings, signal}: Pick<SitemapRequest, 'link' | 'settings' | 'signal'>): Promise<Buffer> {
  const {port, hostHeader} = settings;
  const headers = {...settings.headers, ...(hostHeader === undefined ? {} : {host: hostHeader})};
  let body: Buffer;
  try {
    const answer = await exchangeHttp({link, port, path, headers, timeoutMs, maxBodyBytes: maxBytes, signal});
    if (answer.status !== 200) throw new HttpFailure(`answered ${answer.status} ${answer.reason}`.trim());
    if (answer.truncated) throw new HttpFailure(`is larger than ${maxBytes / 1024 / 1024} MiB`);
    body = answer.body;
  } catch (error) {
    if (error instanceof HttpFailure) throw refuse(path, `on ${link.host.name}:${port}: ${error.message}`);
    throw error;
  }
  if (body[0] !== 0x1f || body[1] !== 0x8b) return body;
  try {
    return await unzip(body, {maxOutputLength: maxBytes});
  } catch (error) {
    throw refuse(path, `cannot be unpacked: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** The `loc` of each `url` and of each `sitemap`. Documents of another kind, or broken ones, are refused. */
export async function parseSitemap(path: string, body: Buffer): Promise<{pages: readonly string[]; sitemaps: readonly string[]}> {
  const {default: saxes} = await import('saxes');
  const found = {pages: [] as string[], sitemaps: [] as string[]};
  const open: string[] = [];
  let text = '';
  const parser = new saxes.SaxesParser({xmlns: false});
  parser.on('opentag', ({name}) => {
    open.push(name.slice(name.indexOf(':') + 1));
    text = '';
  });
  parser.on('text', (piece) => {
    text += piece;
  });
  parser.on('cdata', (piece) => {
    text += piece;
  });
  parser.on('closetag', () => {
    const place = open.join('/');
    if (place === 'urlset/url/loc') found.pages.push(text.trim());
    if (place === 'sitemapindex/sitemap/loc') found.sitemaps.push(text.trim());
    if (open.length === 1 && open[0] !== 'urlset' && open[0] !== 'sitemapindex') throw new Error(`begins with <${open[0]}>`);
    open.pop();
  });
  parser.on('error', (error) => {
    throw error;
  });
  try {
    parser.write(new TextDecoder().decode(body)).close();
  } catch (error) {
    throw refuse(path, `is not a sitemap: ${error instanceof Error ? error.message : String(error)}`);
  }
  return found;
}

function requirePath(text: string): string {
  const path = readPath(text);
  if (path !== undefined) return path;
  throw refuse(text, 'is neither a path nor an http URL');
}

function refuse(url: string, fact: string): DroverError {
  return new DroverError({
    code: 'invalid-file',
    message: `sitemap "${url}" ${fact}`,
    fix: 'correct warm.from, or list the paths in a file',
  });
}

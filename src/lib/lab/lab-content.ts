import {createHash} from 'node:crypto';
import {mkdir, writeFile} from 'node:fs/promises';
import path from 'node:path';

export interface ContentOptions {
  /** From 1. Each version changes the front page and one in a hundred of the others. */
  readonly version: number;
  readonly pages: number;
}

const images = 8;
const pagesPerImage = 10;

/**
 * Writes a small news site: front page, `pages` articles, a style sheet, images, sitemap.xml. The same options give the
 * same bytes on every machine. Other files in `dir` stay as they are.
 */
export async function writeContent(dir: string, {version, pages}: ContentOptions): Promise<void> {
  for (const folder of ['news', 'css', 'img']) await mkdir(path.join(dir, folder), {recursive: true});
  await writeFile(
    path.join(dir, 'css', 'site.css'),
    'body { font: 16px/1.5 serif; margin: 2em auto; max-width: 40em }\nimg { width: 100% }\n',
  );
  for (let image = 1; image <= images; image += 1) await writeFile(path.join(dir, 'img', `${image}.png`), drawImage(image));
  for (let page = 1; page <= pages; page += 1) await writeArticle(dir, page, findRevision(page, version));
  await writeFile(path.join(dir, 'sitemap.xml'), formatSitemap(pages));
  await writeFrontPage(dir, {version, pages});
}

/** From the version before to `version`: the front page and the articles that changed, one in a hundred. Gives their paths. */
export async function changeOnePercent(dir: string, {version, pages}: ContentOptions): Promise<string[]> {
  const changed = listPages(pages).filter((page) => findRevision(page, version) === version);
  for (const page of changed) await writeArticle(dir, page, version);
  await writeFrontPage(dir, {version, pages});
  return ['index.html', ...changed.map(formatPath)];
}

/** Makes the content one that the web app refuses to serve: every answer is a 500. */
export async function breakContent(dir: string): Promise<void> {
  await writeFile(path.join(dir, 'BROKEN'), 'The web app of the lab answers 500 while this file is in its release.\n');
}

/** Paths of the site as visitors ask for them. */
export function listContentPaths(pages: number): string[] {
  return ['/', '/css/site.css', ...listPages(pages).map((page) => `/${formatPath(page)}`)];
}

function listPages(pages: number): number[] {
  return Array.from({length: pages}, (_, index) => index + 1);
}

function formatPath(page: number): string {
  return `news/${String(page).padStart(4, '0')}.html`;
}

/** The last version, up to this one, in which an article changed: article p changes in versions p, p+100, p+200 … */
function findRevision(page: number, version: number): number {
  const since = (((version - page) % 100) + 100) % 100;
  return Math.max(version - since, 1);
}

async function writeArticle(dir: string, page: number, revision: number): Promise<void> {
  const seed = createHash('sha256').update(`article ${page} revision ${revision}`).digest('hex');
  const words = seed.repeat(40).match(/.{2,7}/g) ?? [];
  const image = (Math.ceil(page / pagesPerImage) % images) + 1;
  const body = `<h1>Article ${page}</h1>\n<p>Revision ${revision}</p>\n<img src="/img/${image}.png" alt="">\n<p>${words.join(' ')}</p>\n`;
  await writeFile(path.join(dir, formatPath(page)), formatHtml(`Article ${page}`, body));
}

async function writeFrontPage(dir: string, {version, pages}: ContentOptions): Promise<void> {
  const links = listPages(pages).map((page) => `<li><a href="/${formatPath(page)}">Article ${page}</a></li>\n`);
  await writeFile(
    path.join(dir, 'index.html'),
    formatHtml('News', `<h1>News</h1>\n<p>Version ${version}</p>\n<ul>\n${links.join('')}</ul>\n`),
  );
}

function formatHtml(title: string, body: string): string {
  const head = `<meta charset="utf-8"><title>${title}</title><link rel="stylesheet" href="/css/site.css">`;
  return `<!doctype html>\n<html lang="en">\n<head>${head}</head>\n<body>\n${body}</body>\n</html>\n`;
}

function formatSitemap(pages: number): string {
  const locations = listContentPaths(pages).map((page) => `  <url><loc>https://www.example.com${page}</loc></url>\n`);
  const urls = `<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n${locations.join('')}</urlset>\n`;
  return `<?xml version="1.0" encoding="UTF-8"?>\n${urls}`;
}

/** 16 KiB that do not compress, as images do not. */
function drawImage(image: number): Buffer {
  const blocks = Array.from({length: 512}, (_, block) => createHash('sha256').update(`image ${image} block ${block}`).digest());
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), ...blocks]);
}

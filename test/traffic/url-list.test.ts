import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import type {RequestListener} from 'node:http';
import os from 'node:os';
import path from 'node:path';
import {gzipSync} from 'node:zlib';
import fc from 'fast-check';
import {afterEach, describe, expect, it} from 'vitest';
import {DroverError} from '../../src/lib/errors/drover-error.js';
import {maxUrls, parseUrlLines, readUrlList} from '../../src/lib/traffic/url-list.js';
import {readPath} from '../../src/lib/traffic/url-path.js';
import {linkLocally, makeHost, patiently} from './local-machine.js';
import {serveWeb, type WebServer} from './web-server.js';

let web: WebServer | undefined;

afterEach(async () => {
  await web?.stop();
  web = undefined;
});

const urlset = (...locs: string[]): string =>
  `<?xml version="1.0"?><urlset>${locs.map((loc) => `<url><loc>${loc}</loc></url>`).join('')}</urlset>`;
const index = (...locs: string[]): string =>
  `<sitemapindex>${locs.map((loc) => `<sitemap><loc>${loc}</loc></sitemap>`).join('')}</sitemapindex>`;

const readFrom = async (url: string, answer: RequestListener) => {
  web = await serveWeb(answer);
  const settings = {from: {kind: 'sitemap', url} as const, port: web.port, hostHeader: 'www.example.com', headers: {'x-warm': 'yes'}};
  return readUrlList({link: linkLocally(makeHost('web1')), settings, signal: patiently});
};

const readFiles = (files: Readonly<Record<string, string | Buffer>>, url = '/sitemap.xml') =>
  readFrom(url, (request, response) => {
    const body = files[request.url ?? ''];
    if (body === undefined) response.writeHead(404).end();
    else response.end(body);
  });

describe('a list of URLs in a file', () => {
  it('takes paths and URLs, each once, without comments', () => {
    const text = '\ufeff# top pages\n/\n/a b?q=ü#top\r\n\nhttps://www.example.com/shop?page=2\n/shop?page=2\n';
    expect(parseUrlLines(text, 'urls.txt')).toEqual({paths: ['/', '/a%20b?q=%C3%BC', '/shop?page=2'], truncated: false});
  });

  it('refuses all bad lines at once, each with its place', () => {
    try {
      parseUrlLines('/ok\nshop\nftp://x/y\n', 'urls.txt');
      expect.unreachable();
    } catch (error) {
      expect(error instanceof DroverError && error.problems.map(({message, line}) => [line, message])).toEqual([
        [2, '"shop" is neither a path nor an http URL'],
        [3, '"ftp://x/y" is neither a path nor an http URL'],
      ]);
    }
  });

  it('cuts a list that is too long, and says so', () => {
    const list = parseUrlLines(Array.from({length: maxUrls + 1}, (_, number) => `/${number}`).join('\n'), 'urls.txt');
    expect([list.paths.length, list.truncated]).toEqual([maxUrls, true]);
  });

  it('reads the file, and refuses one that lists nothing or is not there', async () => {
    const directory = await mkdtemp(path.join(os.tmpdir(), 'drover-urls-'));
    try {
      const file = path.join(directory, 'urls.txt');
      const read = () =>
        readUrlList({
          link: linkLocally(makeHost('web1')),
          settings: {from: {kind: 'file', path: file}, port: 80, headers: {}},
          signal: patiently,
        });
      await expect(read()).rejects.toMatchObject({code: 'not-found'});
      await writeFile(file, '# nothing yet\n');
      await expect(read()).rejects.toThrow('lists nothing to warm');
      await writeFile(file, '/a\n');
      expect((await read()).paths).toEqual(['/a']);
    } finally {
      await rm(directory, {recursive: true, force: true});
    }
  });

  it('never gives a path that could be more than one line or leave the host', () => {
    fc.assert(
      fc.property(fc.string({unit: 'binary'}), (text) => {
        const found = readPath(`/${text}`);
        expect(found === undefined || /^\/[\x21-\x7e]*$/.test(found)).toBe(true);
      }),
    );
  });
});

describe('a sitemap', () => {
  it('is fetched from the host itself under the public name, and only path and query are used', async () => {
    const seen: unknown[] = [];
    const list = await readFrom('https://www.example.com/sitemap.xml?v=1', (request, response) => {
      seen.push([request.url, request.headers.host, request.headers['x-warm']]);
      response.end(urlset('https://www.example.com/', 'https://cdn.example.com/a?b=1&amp;c=2', '<![CDATA[ /d ]]>', '/d'));
    });
    expect(list).toEqual({paths: ['/', '/a?b=1&c=2', '/d'], truncated: false});
    expect(seen).toEqual([['/sitemap.xml?v=1', 'www.example.com', 'yes']]);
  });

  it('leaves out what is not a page: images and alternates', async () => {
    const extended =
      '<x:urlset xmlns:x="a" xmlns:image="b"><x:url><x:loc>/a</x:loc><image:image><image:loc>/a.png</image:loc></image:image></x:url></x:urlset>';
    expect((await readFiles({'/sitemap.xml': extended})).paths).toEqual(['/a']);
  });

  it('follows indexes and gzip, and survives a cycle', async () => {
    const list = await readFiles({
      '/sitemap.xml': index('http://x/one.xml', 'http://x/two.xml.gz', 'http://x/sitemap.xml'),
      '/one.xml': urlset('/a'),
      '/two.xml.gz': gzipSync(urlset('/b')),
    });
    expect(list.paths).toEqual(['/a', '/b']);
  });

  it('is cut at the cap, and says so', async () => {
    const list = await readFiles({'/sitemap.xml': urlset(...Array.from({length: maxUrls + 5}, (_, number) => `/${number}`))});
    expect([list.paths.length, list.truncated]).toEqual([maxUrls, true]);
  });

  it.each([
    ['is missing', {}, /sitemap "\/sitemap.xml" on web1:\d+: answered 404 Not Found/],
    ['is a web page', {'/sitemap.xml': '<html><body/></html>'}, /is not a sitemap: begins with <html>/],
    ['is broken off', {'/sitemap.xml': '<urlset><url><loc>/a</loc>'}, /is not a sitemap: .*unclosed tag/],
    ['is a damaged gzip', {'/sitemap.xml': gzipSync(urlset('/a')).subarray(0, 20)}, /cannot be unpacked/],
    ['is a bomb', {'/sitemap.xml': gzipSync(Buffer.alloc(60 * 1024 * 1024, ' '))}, /cannot be unpacked/],
    [
      'is too deep',
      {'/sitemap.xml': index('/1'), '/1': index('/2'), '/2': index('/3'), '/3': urlset('/a')},
      /"\/3" is more than 3 sitemaps deep/,
    ],
    ['lists nothing', {'/sitemap.xml': urlset()}, /lists nothing to warm/],
  ])('is refused when it %s', async (_, files, message) => {
    await expect(readFiles(files as Record<string, string | Buffer>)).rejects.toThrow(message);
  });
});

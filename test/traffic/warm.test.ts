import {spawnSync} from 'node:child_process';
import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import type {RequestListener} from 'node:http';
import os from 'node:os';
import path from 'node:path';
import {afterEach, describe, expect, it} from 'vitest';
import type {Link} from '../../src/lib/host/link.js';
import type {WarmSettings} from '../../src/lib/inventory/app.js';
import {type WarmTask, warmHost} from '../../src/lib/traffic/warm.js';
import {linkLocally, makeHost, patiently, shells} from './local-machine.js';
import {serveWeb, type WebServer} from './web-server.js';

const web1 = makeHost('web1');
const hasCurl = spawnSync('curl', ['--version']).status === 0;
let web: WebServer | undefined;

afterEach(async () => {
  await web?.stop();
  web = undefined;
});

/** A host whose curl is said to be missing: the one thing that a machine with curl cannot show. */
const withoutCurl = (link: Link): Link => ({
  ...link,
  exec: async ({stdin}) => {
    const nonce = stdin instanceof Buffer ? stdin.toString('utf8').split('\n')[0] : '';
    const stdout = Buffer.from(`\ndrover ${nonce} begin\n\ndrover ${nonce} end 3\n`);
    return {exit: {kind: 'exited', status: 0}, stdout, stderr: Buffer.alloc(0), truncated: false};
  },
});

const links: readonly (readonly ['curl' | 'dial', () => Link])[] = [
  ...(hasCurl ? [['curl', () => linkLocally(web1)] as const] : []),
  ['dial', () => withoutCurl(linkLocally(web1))],
];

const warm = async (answer: RequestListener, settings: Partial<WarmSettings>, task: Partial<WarmTask> = {}) => {
  web ??= await serveWeb(answer);
  return warmHost({
    host: web1,
    link: linkLocally(web1),
    urls: ['/a', '/b', '/c'],
    settings: {
      from: {kind: 'sitemap', url: '/sitemap.xml'},
      mode: 'clone',
      port: web.port,
      headers: {},
      ratePerSecond: 1_000,
      concurrency: 4,
      deadlineMs: 20_000,
      ...settings,
    },
    signal: patiently,
    now: () => performance.now(),
    ...task,
  });
};

/** A cache in front of a slow origin. */
const makeCache = (originMs: number): RequestListener => {
  const kept = new Set<string>();
  return (request, response) => {
    const hit = kept.has(request.url ?? '');
    kept.add(request.url ?? '');
    response.setHeader('X-Cache', hit ? 'HIT' : 'MISS');
    if (hit) response.end('page');
    else setTimeout(() => response.end('page'), originMs);
  };
};

describe.each(links)('warmHost() with %s', (via, open) => {
  it('asks that very host under the public name, exactly as the list says', async () => {
    const seen: unknown[] = [];
    const urls = ['/', '/a%20b?q="x"&r=\\y', '/{1..9}/[a-z]', "/it's;$(id)`id`", '/../up/./x//y'];
    const headers = {'Accept-Encoding': 'gzip, br', 'X-Quoted': 'say "\\n" #1', 'X-At': '@/etc/passwd'};
    const result = await warm(
      (request, response) => {
        seen.push([
          request.url,
          request.headers.host,
          request.headers['x-quoted'],
          request.headers['x-at'],
          request.headers['accept-encoding'],
        ]);
        response.end();
      },
      {hostHeader: 'www.example.com', headers},
      {link: open(), urls},
    );
    expect(result).toMatchObject({outcome: 'warmed', via, urls: 5, failures: []});
    const wanted = urls.map((url) => [url, 'www.example.com', 'say "\\n" #1', '@/etc/passwd', 'gzip, br']);
    expect([...seen].sort()).toEqual([...wanted, ...wanted].sort());
  });

  it('measures the cold pass and the warm one, and the hits', async () => {
    const result = await warm(makeCache(200), {until: {kind: 'hit', ratio: 0.98}}, {link: open()});
    expect(result).toMatchObject({outcome: 'warmed', cold: {asked: 3, failed: 0, hitRatio: 0}, warm: {hitRatio: 1}, hitRatio: 1});
    expect(result.passes).toHaveLength(2);
    expect(result.cold.p50Ms).toBeGreaterThanOrEqual(200);
    expect(result.warm?.p95Ms).toBeLessThan(200);
  });

  it('never asks faster than the rate, in any second', async () => {
    const times: number[] = [];
    const urls = Array.from({length: 12}, (_, number) => `/${number}`);
    await warm(
      (_, response) => {
        times.push(performance.now());
        response.end();
      },
      {ratePerSecond: 10, concurrency: 4},
      {link: open(), urls},
    );
    expect(times).toHaveLength(24);
    const busiest = Math.max(...times.map((from) => times.filter((time) => time >= from && time < from + 1_000).length));
    // Through the link each request is paced by itself, and one may reach the server some milliseconds after it was begun.
    expect(busiest).toBeLessThanOrEqual(via === 'curl' ? 10 : 11);
  });

  it('never has more requests open than the concurrency', async () => {
    let open_ = 0;
    let most = 0;
    await warm(
      (_, response) => {
        open_ += 1;
        most = Math.max(most, open_);
        setTimeout(() => {
          open_ -= 1;
          response.end();
        }, 40);
      },
      {concurrency: 2},
      {link: open(), urls: Array.from({length: 10}, (_, number) => `/${number}`)},
    );
    expect(most).toBe(2);
  });

  it('names the URLs that failed', async () => {
    const result = await warm((request, response) => response.writeHead(request.url === '/b' ? 404 : 200).end(), {}, {link: open()});
    expect(result).toMatchObject({outcome: 'warmed', cold: {failed: 1}, failures: [{path: '/b', why: '404'}]});
  });

  it('ends after one pass when every URL fails', async () => {
    const dead = await serveWeb(() => undefined);
    await dead.stop();
    const result = await warm(() => undefined, {port: dead.port, until: {kind: 'converged', ratio: 0.95}}, {link: open()});
    expect(result).toMatchObject({
      outcome: 'unmet',
      cold: {failed: 3},
      why: expect.stringMatching(/^every URL failed; \/a: .*(ECONNREFUSED|connect)/i),
    });
    expect(result.passes).toHaveLength(1);
  });

  it('slows down on 429', async () => {
    const statuses = [429, 429];
    const slept: number[] = [];
    const sleep = async (ms: number) => void slept.push(ms);
    const result = await warm((_, response) => response.writeHead(statuses.pop() ?? 200).end(), {}, {link: open(), sleep});
    expect(result).toMatchObject({outcome: 'warmed', backoffs: 1, cold: {failed: 2}, warm: {failed: 0}});
    expect(slept).toContain(1_000);
  });

  it('throws when it is aborted', async () => {
    const controller = new AbortController();
    const warming = warm(() => controller.abort(new Error('Ctrl-C')), {}, {link: open(), signal: controller.signal});
    await expect(warming).rejects.toThrow('Ctrl-C');
  });
});

describe('the end of warming', () => {
  const dial = () => withoutCurl(linkLocally(web1));

  it('is unmet when the hits stay too few until the deadline', async () => {
    const result = await warm(
      (_, response) => response.setHeader('x-cache', 'MISS').end(),
      {deadlineMs: 400, until: {kind: 'hit', ratio: 0.5}},
      {link: dial()},
    );
    expect(result.outcome).toBe('unmet');
    expect(result.passes.length).toBeGreaterThan(2);
    expect(result.why).toMatch(/^the deadline of 0.4 s came in pass \d+ after \d of 3 URLs/);
  });

  it('is unmet at once when no answer speaks of a cache', async () => {
    const result = await warm((_, response) => response.end(), {until: {kind: 'hit', ratio: 0.5}}, {link: dial()});
    expect(result).toMatchObject({outcome: 'unmet', why: expect.stringContaining('no answer has a header')});
    expect(result.passes).toHaveLength(2);
    expect('hitRatio' in result).toBe(false);
  });

  it('goes on until a pass takes nearly as long as the one before', async () => {
    const delays = [800, 800, 800, 400, 400, 400, 200, 200, 200, 200, 200, 200];
    const result = await warm(
      (_, response) => void setTimeout(() => response.end(), delays.shift() ?? 200),
      {until: {kind: 'converged', ratio: 0.8}},
      {link: dial()},
    );
    expect(result.outcome).toBe('warmed');
    expect(result.passes).toHaveLength(4);
  });

  it('is cut short by the deadline when there is no gate', async () => {
    const result = await warm(
      (_, response) => response.end(),
      {ratePerSecond: 10, deadlineMs: 300},
      {link: dial(), urls: Array.from({length: 50}, (_, number) => `/${number}`)},
    );
    expect(result).toMatchObject({outcome: 'cut-short', why: expect.stringMatching(/in pass 1 after [1-4] of 50 URLs/)});
  });

  it('has nothing to do for no URLs', async () => {
    expect(await warm(() => undefined, {}, {urls: []})).toMatchObject({outcome: 'warmed', urls: 0});
  });
});

describe.skipIf(!hasCurl)("the host's curl", () => {
  it('goes to the address that a practice host names, and heeds neither its .curlrc nor a proxy', async () => {
    const home = await mkdtemp(path.join(os.tmpdir(), 'drover-curl-'));
    const own = await serveWeb((_, response) => response.end('ok'), '127.0.0.9');
    try {
      await writeFile(path.join(home, '.curlrc'), 'user-agent = "other"\nfail\nmax-filesize = 1\n');
      const env = {HOME: home, DROVER_LOCAL_ADDRESS: '127.0.0.9', http_proxy: 'http://127.0.0.1:9'};
      const result = await warm(() => undefined, {port: own.port}, {link: linkLocally(web1, {env})});
      expect(result).toMatchObject({outcome: 'warmed', via: 'curl', cold: {failed: 0}});
    } finally {
      await own.stop();
      await rm(home, {recursive: true, force: true});
    }
  });

  it.each(shells)('begins no request after the deadline, /bin/sh being %s', async (shell) => {
    const times: number[] = [];
    const startedAt = performance.now();
    const urls = Array.from({length: 40}, (_, number) => `/${number}`);
    const slow: RequestListener = (_, response) => {
      times.push(performance.now() - startedAt);
      setTimeout(() => response.end(), 300);
    };
    const result = await warm(slow, {deadlineMs: 1_000, concurrency: 2}, {link: linkLocally(web1, {shell}), urls});
    expect(result.outcome).toBe('cut-short');
    expect(Math.max(...times)).toBeLessThan(3_500);
  });
});

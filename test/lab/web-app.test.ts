import {mkdir, readFile, rm, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {afterAll, beforeAll, beforeEach, describe, expect, it} from 'vitest';
import {breakContent} from '../../src/lib/lab/lab-content.js';
import type {LabHost} from '../../src/lib/lab/lab-host.js';
import {startWebApp, type WebApp} from '../../src/lib/lab/web-app.js';
import {connect, findHost, makeFolder, openPracticeFleet, placeRelease, waitUntil} from './practice-fleet.js';

let home: string;
let app: WebApp | undefined;
let nowMs = 0;

async function start(): Promise<void> {
  app = await startWebApp({endpoint: {address: '127.0.0.1', port: 0}, host: 'web1', silo: 'eu', home, missCostMs: 5, nowMs: () => nowMs});
}

function get(pathname: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`http://127.0.0.1:${app?.endpoint.port}${pathname}`, init);
}

/** What the restart hook does, without the waiting. */
async function reload(text: string): Promise<void> {
  await writeFile(path.join(home, 'run', 'reload'), `${text}\n`);
  await waitUntil(
    () => readFile(path.join(home, 'run', 'reloaded'), 'utf8').catch(() => ''),
    (answer) => answer.endsWith(` ${text}\n`),
  );
}

describe('the web app of a lab host', () => {
  beforeEach(async () => {
    await app?.close();
    home = await makeFolder();
    await mkdir(path.join(home, 'run'));
    await mkdir(path.join(home, 'site'));
    return async () => {
      await app?.close();
      app = undefined;
      await rm(home, {recursive: true});
    };
  });
  const place = (release: string, version = 1) => placeRelease({home} as LabHost, release, {version, pages: 3});

  it('is unavailable without a release', async () => {
    await start();
    expect((await get('/healthz')).status).toBe(503);
  });

  it('says who and what it serves', async () => {
    await place('r1');
    await start();
    const answer = await get('/healthz');
    expect(answer.status).toBe(200);
    expect(await answer.text()).toBe('r1\n');
    expect(Object.fromEntries(answer.headers)).toMatchObject({'x-release': 'r1', 'x-host': 'web1', 'x-silo': 'eu'});
  });

  it('serves the release that it loaded until it is told to reload', async () => {
    await place('r1', 1);
    await start();
    await place('r2', 2);
    const before = await get('/');
    expect(before.headers.get('x-release')).toBe('r1');
    expect(await before.text()).toContain('Version 1');
    await reload('one');
    const after = await get('/');
    expect(after.headers.get('x-release')).toBe('r2');
    expect(await after.text()).toContain('Version 2');
  });

  it('takes the second request for a page from its cache, and forgets it at a reload', async () => {
    await place('r1');
    await start();
    const outcomes: (string | null)[] = [];
    outcomes.push((await get('/news/0001.html')).headers.get('x-cache'));
    nowMs += 2500;
    const second = await get('/news/0001.html');
    outcomes.push(second.headers.get('x-cache'));
    expect(second.headers.get('age')).toBe('2');
    await reload('one');
    outcomes.push((await get('/news/0001.html')).headers.get('x-cache'));
    expect(outcomes).toEqual(['miss', 'hit', 'miss']);
  });

  it('fetches a page once for all who ask at the same time', async () => {
    await place('r1');
    await start();
    const answers = await Promise.all(Array.from({length: 5}, () => get('/css/site.css')));
    expect(answers.map(({headers}) => headers.get('x-cache')).sort()).toEqual(['hit', 'hit', 'hit', 'hit', 'miss']);
  });

  it('answers 500 for a release that is broken, health check included', async () => {
    await breakContent(await place('r1'));
    await start();
    expect([(await get('/healthz')).status, (await get('/')).status]).toEqual([500, 500]);
  });

  it('serves the sitemap of the release, and 404 where there is no file', async () => {
    await place('r1');
    await start();
    const sitemap = await get('/sitemap.xml');
    expect(sitemap.headers.get('content-type')).toBe('application/xml');
    expect(await sitemap.text()).toContain('<loc>https://www.example.com/news/0003.html</loc>');
    expect((await get('/news/9999.html')).status).toBe(404);
  });

  it.each(['/../../secret', '/%2e%2e/%2e%2e/secret', '/..%2f..%2fsecret'])('does not leave the release for %s', async (pathname) => {
    await place('r1');
    await writeFile(path.join(home, 'site', 'secret'), 'secret');
    await start();
    expect((await get(pathname)).status).toBe(404);
  });

  it.each([
    ['/%00', {}, 400],
    ['/%zz', {}, 400],
    ['/', {method: 'POST'}, 405],
    ['/', {method: 'HEAD'}, 200],
  ])('answers %s with %o by %i', async (pathname, init, status) => {
    await place('r1');
    await start();
    expect((await get(pathname, init)).status).toBe(status);
  });
});

describe('bin/restart-site', () => {
  let end: () => Promise<void>;
  let host: LabHost;
  let runOnHost: (command: string) => Promise<{code: number | null; stderr: string}>;
  beforeAll(async () => {
    const fleet = await openPracticeFleet({hosts: 1, silos: ['eu']});
    host = findHost(fleet.lab, 'web1');
    const ssh = await connect(fleet.lab, host);
    runOnHost = (command) => ssh.execCommand(command);
    end = async () => {
      ssh.dispose();
      await fleet.end();
    };
  });
  afterAll(() => end());

  it('returns when the web app serves the release that current names', async () => {
    for (const release of ['r1', 'r2', 'r1']) {
      await placeRelease(host, release);
      expect(await runOnHost('exec "$HOME/bin/restart-site"')).toMatchObject({code: 0, stderr: ''});
      expect((await fetch(`http://${host.web.address}:${host.web.port}/healthz`)).headers.get('x-release')).toBe(release);
    }
  });

  it('fails when there is no release', async () => {
    await rm(path.join(host.home, 'site', 'current'));
    const {code, stderr} = await runOnHost('exec "$HOME/bin/restart-site"');
    expect(code).not.toBe(0);
    expect(stderr).toContain('site/current');
  });
});

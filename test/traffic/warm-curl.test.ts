import {spawnSync} from 'node:child_process';
import {existsSync} from 'node:fs';
import {chmod, mkdtemp, rm, symlink, writeFile} from 'node:fs/promises';
import type {RequestListener} from 'node:http';
import os from 'node:os';
import path from 'node:path';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import type {WarmSettings} from '../../src/lib/inventory/app.js';
import {type WarmTask, warmHost} from '../../src/lib/traffic/warm.js';
import {linkLocally, makeHost, patiently, shells} from './local-machine.js';
import {serveWeb, type WebServer} from './web-server.js';

const web1 = makeHost('web1');
const busybox = '/usr/bin/busybox';
const hasCurl = spawnSync('curl', ['--version']).status === 0;
let web: WebServer | undefined;
let tools: string;

beforeEach(async () => {
  tools = await mkdtemp(path.join(os.tmpdir(), 'drover-tools-'));
});

afterEach(async () => {
  await web?.stop();
  web = undefined;
  await rm(tools, {recursive: true, force: true});
});

const countPaths = (count: number): string[] => Array.from({length: count}, (_, number) => `/${number}`);

const warm = async (answer: RequestListener, settings: Partial<WarmSettings>, task: Partial<WarmTask> & {shell?: string} = {}) => {
  web = await serveWeb(answer);
  const {shell = '/bin/sh', ...rest} = task;
  const result = await warmHost({
    host: web1,
    link: linkLocally(web1, {shell, env: {PATH: `${tools}:${process.env.PATH ?? ''}`}}),
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
    ...rest,
  });
  expect(result.via).toBe('curl');
  return result;
};

const findBusiest = (times: readonly number[]): number =>
  Math.max(...times.map((from) => times.filter((time) => time >= from && time < from + 1_000).length));

const useBusyboxTools = async (): Promise<void> => {
  for (const tool of ['sh', 'awk', 'sleep', 'base64']) await symlink(busybox, path.join(tools, tool));
};

/** Answers, a page cut off, no answer at all, and a page that is missing. */
const answerOddly: RequestListener = (request, response) => {
  response.setHeader('X-Cache', `MISS ${request.url}`);
  if (request.url?.startsWith('/cut')) response.writeHead(200, {'content-length': 99}).write('half', () => response.destroy());
  else if (request.url?.startsWith('/none')) request.socket.destroy();
  else response.writeHead(request.url?.startsWith('/missing') ? 404 : 200).end('page');
};
const oddPaths = ['/none1', '/ok1', '/cut1', '/none2', '/none3', '/ok2', '/missing1', '/cut2', '/ok3', '/none4'];

const expectOddFailures = (result: Awaited<ReturnType<typeof warm>>): void => {
  expect(result.failures.map((failure) => [failure.path, failure.why.replace(/^\((\d+)\).*/, '$1')])).toEqual([
    ['/none1', '52'],
    ['/cut1', '18'],
    ['/none2', '52'],
    ['/none3', '52'],
    ['/missing1', '404'],
    ['/cut2', '18'],
    ['/none4', '52'],
  ]);
};

describe.skipIf(!hasCurl)("slices of the host's curl", () => {
  it.each(shells)('let no more than the rate through in any one second, whatever answers take, /bin/sh being %s', async (shell) => {
    const times: number[] = [];
    const delaysMs = [...Array.from({length: 12}, () => 150), ...Array.from({length: 14}, () => 0), 400, 0, 0, 90];
    const answer: RequestListener = (_, response) => {
      times.push(performance.now());
      setTimeout(() => response.end(), delaysMs.shift() ?? 0);
    };
    const result = await warm(answer, {ratePerSecond: 10, concurrency: 3}, {shell, urls: countPaths(20)});
    expect(result).toMatchObject({outcome: 'warmed', cold: {asked: 20, failed: 0}, warm: {asked: 20, failed: 0}});
    expect(findBusiest(times)).toBeLessThanOrEqual(10);
  });

  it('let one URL through each 1/rate seconds at rates below one a second', async () => {
    const times: number[] = [];
    const answer: RequestListener = (_, response) => {
      times.push(performance.now());
      response.end();
    };
    await warm(answer, {ratePerSecond: 0.8}, {urls: ['/a']});
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(1_200);
  });

  it('begin late rather than early when sleep knows no fractions', async () => {
    const times: number[] = [];
    const answer: RequestListener = (_, response) => {
      times.push(performance.now());
      response.end();
    };
    const real = spawnSync('sh', ['-c', 'command -v sleep'], {encoding: 'utf8'}).stdout.trim();
    await writeFile(path.join(tools, 'sleep'), `#!/bin/sh\ncase $1 in *.*) exit 1 ;; esac\nexec ${real} "$1"\n`);
    await chmod(path.join(tools, 'sleep'), 0o755);
    await warm(answer, {ratePerSecond: 0.8}, {urls: ['/a']});
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(1_200);
  });

  it('take few connections', async () => {
    const sockets = new Set<unknown>();
    const answer: RequestListener = (request, response) => {
      sockets.add(request.socket);
      response.end('page');
    };
    const result = await warm(answer, {concurrency: 1}, {urls: countPaths(300)});
    expect(result).toMatchObject({outcome: 'warmed', cold: {asked: 300, failed: 0}});
    expect(sockets.size).toBeLessThan(60);
  });

  it('tell how long each answer took, and nothing else', async () => {
    const answer: RequestListener = (request, response) => void setTimeout(() => response.end(), request.url === '/7' ? 300 : 0);
    const {warm: pass} = await warm(answer, {concurrency: 1}, {urls: countPaths(20)});
    expect(pass?.busyMs).toBeGreaterThanOrEqual(300);
    expect(pass?.p50Ms).toBeLessThan(100);
  });

  it('tell which URL failed and why', async () => {
    expectOddFailures(await warm(answerOddly, {concurrency: 1}, {urls: oddPaths}));
  });

  it('tell it too with a curl that gives the reason after the mark', async () => {
    const real = spawnSync('sh', ['-c', 'command -v curl'], {encoding: 'utf8'}).stdout.trim();
    const later = '/^curl: / {held = $0; next} {print} /^drover / && held != "" {print held; held = ""}';
    await writeFile(path.join(tools, 'curl'), `#!/bin/sh\n${real} "$@" | awk '${later}'\n`);
    await chmod(path.join(tools, 'curl'), 0o755);
    expectOddFailures(await warm(answerOddly, {concurrency: 1}, {urls: oddPaths}));
  });

  it.skipIf(!existsSync(busybox))('need nothing but BusyBox beside curl', async () => {
    await useBusyboxTools();
    expectOddFailures(await warm(answerOddly, {concurrency: 2}, {urls: oddPaths, shell: `${busybox} sh`}));
  });

  it.skipIf(!existsSync(busybox))('end with the deadline on BusyBox though the host hangs', async () => {
    await useBusyboxTools();
    const startedAt = performance.now();
    const hanging: RequestListener = (request, response) => (request.url === '/3' ? undefined : void response.end());
    const result = await warm(hanging, {deadlineMs: 1_500, concurrency: 1}, {urls: countPaths(20), shell: `${busybox} sh`});
    expect(result.outcome).toBe('cut-short');
    expect(performance.now() - startedAt).toBeLessThan(4_000);
  });

  it('fail every URL when curl itself does not work', async () => {
    await writeFile(path.join(tools, 'curl'), '#!/bin/sh\necho "curl: cannot do this" >&2\nexit 2\n');
    await chmod(path.join(tools, 'curl'), 0o755);
    const result = await warm((_, response) => response.end(), {});
    expect(result).toMatchObject({outcome: 'cut-short', why: 'every URL failed; /a: cannot do this', cold: {failed: 3}});
  });
});

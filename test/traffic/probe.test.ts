import {once} from 'node:events';
import {existsSync, readFileSync} from 'node:fs';
import {mkdir, mkdtemp, readFile, rm} from 'node:fs/promises';
import {type AddressInfo, createServer, type Server, type Socket} from 'node:net';
import os from 'node:os';
import path from 'node:path';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import type {Probe} from '../../src/lib/inventory/app.js';
import {awaitHealthy} from '../../src/lib/traffic/health-wait.js';
import {type ProbeResult, type ProbeRound, probeHost} from '../../src/lib/traffic/probe.js';
import {linkLocally, makeHost, patiently, shells} from './local-machine.js';
import {serveWeb, type WebServer} from './web-server.js';

const release = '9c21'.padEnd(64, '7');
const other = '4be1'.padEnd(64, '0');
const web1 = makeHost('web1');
const pace = {timeoutMs: 5_000, intervalMs: 100, rise: 1, deadlineMs: 1_000};

let directory: string;
let web: WebServer | undefined;
let raw: Server | undefined;

beforeEach(async () => {
  directory = await mkdtemp(path.join(os.tmpdir(), 'drover-probe-'));
});

afterEach(async () => {
  await web?.stop();
  web = undefined;
  raw?.close();
  await rm(directory, {recursive: true, force: true});
});

const round = (probes: readonly Probe[], more: Partial<ProbeRound> = {}): ProbeRound => ({
  host: web1,
  link: linkLocally(web1),
  root: directory,
  probes,
  signal: patiently,
  now: () => performance.now(),
  ...more,
});

const probeOnce = async (probe: Probe, more: Partial<ProbeRound> = {}): Promise<ProbeResult> => {
  const [result] = await probeHost(round([probe], more));
  if (result === undefined) throw new Error('no result');
  return result;
};

/** A server that speaks no proper HTTP. */
const serveRaw = async (answer: (socket: Socket) => void): Promise<number> => {
  raw = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => answer(socket));
  }).listen(0, '127.0.0.1');
  await once(raw, 'listening');
  return (raw.address() as AddressInfo).port;
};

/** A dead process may stay as a zombie for a while where nobody waits for it. */
const isRunning = (pid: number): boolean => existsSync(`/proc/${pid}/stat`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));

describe('an http probe', () => {
  const http = (port: number, more: Partial<Extract<Probe, {kind: 'http'}>> = {}): Probe => ({
    kind: 'http',
    path: '/healthz',
    port,
    status: 200,
    ...pace,
    ...more,
  });

  it('passes on the wanted status, and asks under the public name', async () => {
    web = await serveWeb((incoming, response) => response.end(incoming.headers.host));
    const result = await probeOnce(http(web.port, {hostHeader: 'www.example.com'}));
    expect(result).toMatchObject({ok: true, detail: `GET /healthz on ${web.port}: 200 OK`});
  });

  it('says what it got and what it wanted', async () => {
    web = await serveWeb((_, response) => response.writeHead(500).end('boom'));
    expect(await probeOnce(http(web.port))).toMatchObject({
      ok: false,
      detail: `GET /healthz on ${web.port}: 500 Internal Server Error, wanted 200`,
    });
    expect(await probeOnce(http(web.port, {status: 500}))).toMatchObject({ok: true});
  });

  it.each([
    [release, true, /serves 9c2177777777…$/],
    [release.slice(0, 12), true, /serves 9c2177777777$/],
    [release.slice(0, 4), false, /serves 9c21, wanted 9c2177777777…$/],
    [other, false, /serves 4be100000000…, wanted 9c2177777777…$/],
    [undefined, false, /answers without the header X-Release, wanted 9c2177777777…$/],
  ])('compares the release header %s', async (served, ok, detail) => {
    web = await serveWeb((_, response) => response.writeHead(200, served === undefined ? {} : {'x-release': served}).end());
    const result = await probeOnce(http(web.port, {version: 'X-Release'}), {expectRelease: release});
    expect(result.ok).toBe(ok);
    expect(result.detail).toMatch(detail);
    expect(result.release).toBe(served);
  });

  it('reports the release it sees when none is expected', async () => {
    web = await serveWeb((_, response) => response.writeHead(200, {'x-release': other}).end());
    expect(await probeOnce(http(web.port, {version: 'x-release'}))).toMatchObject({ok: true, release: other});
  });

  it('fails on a server that never answers, within its timeout', async () => {
    const port = await serveRaw(() => undefined);
    expect(await probeOnce(http(port, {timeoutMs: 100}))).toMatchObject({
      ok: false,
      detail: `GET /healthz on ${port}: no answer within 0.1 s`,
    });
  });

  it.each([
    ['closes at once', '', 'the connection was closed without an answer'],
    ['breaks off', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc', 'the connection was closed in the middle of the answer'],
    ['speaks another protocol', 'SSH-2.0-OpenSSH_9.2\r\n', 'Parse Error: Expected HTTP/'],
  ])('fails on a server that %s', async (_, bytes, why) => {
    const port = await serveRaw((socket) => socket.end(bytes));
    const result = await probeOnce(http(port));
    expect(result.ok).toBe(false);
    expect(result.detail).toContain(why);
  });

  it('T32: takes a body without an end as answered once it has seen a megabyte', async () => {
    web = await serveWeb((_, response) => {
      const flood = () => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536)));
      };
      response.on('drain', flood);
      flood();
    });
    expect(await probeOnce(http(web.port))).toMatchObject({ok: true});
  });

  it('fails when nothing listens', async () => {
    web = await serveWeb(() => undefined);
    const {port} = web;
    await web.stop();
    web = undefined;
    expect(await probeOnce(http(port))).toMatchObject({ok: false, detail: expect.stringContaining('ECONNREFUSED')});
    expect(await probeOnce({kind: 'tcp', port, ...pace})).toMatchObject({
      ok: false,
      detail: expect.stringMatching(/^tcp \d+: .*ECONNREFUSED/),
    });
  });
});

describe('a tcp probe', () => {
  it('passes when the port is open', async () => {
    const port = await serveRaw(() => undefined);
    expect(await probeOnce({kind: 'tcp', port, ...pace})).toMatchObject({ok: true, detail: `tcp ${port}: open`});
  });
});

describe.each(shells)('a run probe, /bin/sh being %s', (shell) => {
  const run = (command: string, timeoutMs = 5_000): Probe => ({kind: 'run', command, ...pace, timeoutMs});
  const link = linkLocally(web1, {shell});

  beforeEach(() => mkdir(path.join(directory, 'current')));

  it('runs in the release, knows its host, and keeps the output', async () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a shell parameter, not a template
    const result = await probeOnce(run('echo "$DROVER_HOST in ${PWD##*/}"\necho "to stderr" >&2\ncat'), {link});
    expect(result).toMatchObject({ok: true, output: 'web1 in current\nto stderr'});
  });

  it('fails with the exit status and the last line', async () => {
    expect(await probeOnce(run('echo first; echo "disk full"; exit 3'), {link})).toMatchObject({
      ok: false,
      detail: 'run echo first; echo "disk full"; exit 3: exit 3: disk full',
    });
  });

  it('kills the whole process group at the deadline', async () => {
    const pidFile = path.join(directory, 'pid');
    const result = await probeOnce(run(`trap "" TERM; sleep 60 & echo $! >${pidFile}; echo started; wait; sleep 60`, 1_000), {link});
    expect(result).toMatchObject({ok: false, output: 'started', detail: expect.stringContaining('not done after 1 s: started')});
    const pid = Number(await readFile(pidFile, 'utf8'));
    expect(isRunning(pid)).toBe(false);
  });

  it('does not wait for what the command leaves in the background', async () => {
    const startedAt = performance.now();
    expect(await probeOnce(run('sleep 60 & echo done', 30_000), {link})).toMatchObject({ok: true, output: 'done'});
    expect(performance.now() - startedAt).toBeLessThan(10_000);
  });

  it('fails on a host without a release', async () => {
    expect(await probeOnce(run('true'), {link, root: `${directory}/none`})).toMatchObject({
      ok: false,
      detail: `run true: exit 253: no directory ${directory}/none/current`,
    });
  });
});

describe('a disk probe', () => {
  it('compares the free space below the root, which need not exist yet', async () => {
    const root = `${directory}/not/yet`;
    expect(await probeOnce({kind: 'disk', freeBytes: 1, ...pace}, {root})).toMatchObject({
      ok: true,
      detail: expect.stringMatching(/^disk: [\d.]+ .iB free$/),
    });
    expect(await probeOnce({kind: 'disk', freeBytes: 2 ** 60, ...pace}, {root})).toMatchObject({
      ok: false,
      detail: expect.stringMatching(/^disk: .* free below .*, wanted 1048576 TiB$/),
    });
  });
});

describe('awaitHealthy()', () => {
  /** A clock that only sleeping moves. */
  const makeClock = () => {
    let ms = 0;
    const sleep = async (duration: number): Promise<void> => {
      ms += duration;
    };
    return {now: () => ms, sleep};
  };

  const answerWith = async (statuses: number[]): Promise<Probe> => {
    web = await serveWeb((_, response) => response.writeHead(statuses.shift() ?? 200).end());
    return {kind: 'http', path: '/', port: web.port, status: 200, ...pace, rise: 2};
  };

  it('wants as many passes in a row as the probe says', async () => {
    const clock = makeClock();
    const probe = await answerWith([503, 200, 503, 200, 200]);
    const verdict = await awaitHealthy({...round([probe]), ...clock});
    expect(verdict).toMatchObject({kind: 'healthy', ms: 400});
  });

  it('ends at the deadline with the last failure in words', async () => {
    const clock = makeClock();
    const probe = await answerWith(Array.from({length: 50}, () => 503));
    const verdict = await awaitHealthy({...round([probe]), ...clock});
    expect(verdict).toMatchObject({
      kind: 'unhealthy',
      ms: 1_000,
      why: expect.stringMatching(/^GET \/ on \d+: 503 Service Unavailable, wanted 200$/),
    });
  });

  it('says so when a host flaps until the deadline', async () => {
    const clock = makeClock();
    const probe = await answerWith(Array.from({length: 50}, (_, index) => (index % 2 === 0 ? 200 : 503)));
    const verdict = await awaitHealthy({...round([probe]), ...clock});
    expect(verdict).toMatchObject({
      kind: 'unhealthy',
      why: expect.stringMatching(/passed 1 of 2 times in a row within 1 s; last failure: GET .* 503/),
    });
  });

  it('is healthy without probes', async () => {
    expect(await awaitHealthy(round([]))).toEqual({kind: 'healthy', results: [], ms: 0});
  });
});

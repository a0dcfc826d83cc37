import {rm} from 'node:fs/promises';
import http from 'node:http';
import type {AddressInfo} from 'node:net';
import path from 'node:path';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import {type LabBalancer, startBalancer} from '../../src/lib/lab/balancer.js';
import {startTraffic} from '../../src/lib/lab/lab-traffic.js';
import {askSocket, makeFolder, waitUntil} from './practice-fleet.js';

/** A server under the test's control: it counts, it can be ill, and it holds requests to /hold. */
interface Backend {
  readonly server: http.Server;
  readonly port: number;
  status: number;
  served: number;
  release(): void;
}

async function startBackend(name: string, port = 0): Promise<Backend> {
  const held: http.ServerResponse[] = [];
  const server = http.createServer((request, response) => {
    if (request.url === '/healthz') return void response.writeHead(backend.status).end();
    backend.served += 1;
    response.setHeader('x-release', name);
    if (request.url === '/hold') return void held.push(response);
    if (request.url === '/echo') return void request.pipe(response);
    response.end(`${request.method} ${request.headers.host} ${request.headers['x-forwarded-for']}`);
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const backend: Backend = {
    server,
    port: (server.address() as AddressInfo).port,
    status: 200,
    served: 0,
    release: () => {
      for (const response of held.splice(0)) response.end('late');
    },
  };
  return backend;
}

async function stopBackend({server}: Backend): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

let dir: string;
let balancer: LabBalancer;
let backends: Backend[];
let url: string;
const admin = (command: string) => askSocket(path.join(dir, 'admin.sock'), `${command}\n`);

/** Columns of `show stat` for one server, by position, as scripts read them. */
async function readStat(name: string): Promise<{scur: number; stot: number; status: string}> {
  const line = (await admin('show stat web 4 -1')).split('\n').find((row) => row.startsWith(`web,${name},`)) ?? '';
  const fields = line.split(',');
  return {scur: Number(fields[4]), stot: Number(fields[7]), status: fields[17] ?? ''};
}

const waitForStatus = (name: string, status: string) =>
  waitUntil(
    () => readStat(name),
    (stat) => stat.status === status,
  );

beforeEach(async () => {
  dir = await makeFolder();
  backends = [await startBackend('a'), await startBackend('b'), await startBackend('c')];
  const servers = backends.map(({port}, index) => ({name: `web${index + 1}`, endpoint: {address: '127.0.0.1', port}}));
  balancer = await startBalancer({
    endpoint: {address: '127.0.0.1', port: 0},
    backend: 'web',
    servers,
    adminSocket: path.join(dir, 'admin.sock'),
    checkIntervalMs: 20,
    nowMs: () => performance.now(),
  });
  url = `http://127.0.0.1:${balancer.endpoint.port}`;
  for (const name of ['web1', 'web2', 'web3']) await waitForStatus(name, 'UP');
});
afterEach(async () => {
  for (const backend of backends) backend.release();
  await balancer.close();
  await Promise.all(backends.map(stopBackend));
  await rm(dir, {recursive: true});
});

const visit = (pathname = '/') => fetch(`${url}${pathname}`).then((answer) => answer.headers.get('x-release'));
const visitTimes = async (count: number) => {
  const seen: (string | null)[] = [];
  for (let index = 0; index < count; index += 1) seen.push(await visit());
  return seen;
};

describe('the balancer of the lab', () => {
  it('takes the servers in turn', async () => {
    expect((await visitTimes(6)).sort()).toEqual(['a', 'a', 'b', 'b', 'c', 'c']);
  });

  it('keeps to weights', async () => {
    await admin('set server web/web1 weight 50%;set server web/web2 weight 0');
    const seen = await visitTimes(12);
    expect(['a', 'b', 'c'].map((name) => seen.filter((release) => release === name).length)).toEqual([4, 0, 8]);
  });

  it('passes method, headers and body on', async () => {
    const text = await fetch(`${url}/`, {headers: {connection: 'close'}}).then((answer) => answer.text());
    expect(text).toBe(`GET 127.0.0.1:${balancer.endpoint.port} 127.0.0.1`);
    const body = 'x'.repeat(300_000);
    expect(await fetch(`${url}/echo`, {method: 'POST', body}).then((answer) => answer.text())).toBe(body);
  });

  it('stops sending to a server that fails two checks, and sends again after one that passes', async () => {
    const [a] = backends;
    if (a === undefined) throw new Error('no backend');
    a.status = 500;
    await waitForStatus('web1', 'DOWN');
    expect(await visitTimes(4)).not.toContain('a');
    a.status = 200;
    await waitForStatus('web1', 'UP');
    expect(await visitTimes(3)).toContain('a');
  });

  it('tries another server when connecting fails, so that visitors see nothing of a server that died', async () => {
    const [a] = backends;
    if (a === undefined) throw new Error('no backend');
    await stopBackend(a);
    expect(await visitTimes(9)).not.toContain(null);
    backends[0] = await startBackend('a', a.port);
  });

  it('answers 503 when no server is up', async () => {
    await admin('set server web/web1 state maint;set server web/web2 state maint;set server web/web3 state maint');
    const answer = await fetch(url);
    expect(answer.status).toBe(503);
    expect(await answer.text()).toContain('No server is available to handle this request.');
  });

  it('sends nothing more to a draining server, and lets it finish what it has', async () => {
    await admin('set server web/web2 state maint;set server web/web3 state maint');
    const held = fetch(`${url}/hold`).then((answer) => answer.text());
    await waitUntil(
      () => readStat('web1'),
      ({scur}) => scur === 1,
    );
    await admin('set server web/web1 state drain;set server web/web2 state ready');
    expect(await readStat('web1')).toMatchObject({scur: 1, status: 'DRAIN'});
    expect(await visitTimes(3)).toEqual(['b', 'b', 'b']);
    backends[0]?.release();
    expect(await held).toBe('late');
    await waitUntil(
      () => readStat('web1'),
      ({scur}) => scur === 0,
    );
  });

  it('cuts the sessions of one server when it is told to', async () => {
    await admin('set server web/web2 state maint;set server web/web3 state maint');
    const cut = expect(fetch(`${url}/hold`)).rejects.toThrow('fetch failed');
    await waitUntil(
      () => readStat('web1'),
      ({scur}) => scur === 1,
    );
    expect(await admin('shutdown sessions server web/web1')).toBe('\n');
    await cut;
    await waitUntil(
      () => readStat('web1'),
      ({scur}) => scur === 0,
    );
  });

  it('loses no request while every server is drained, restarted and readmitted under traffic', async () => {
    const traffic = startTraffic({url, paths: ['/', '/x'], ratePerSecond: 100, signal: AbortSignal.timeout(90_000)});
    for (const [index, name] of ['web1', 'web2', 'web3'].entries()) {
      await admin(`set server web/${name} state drain`);
      await waitUntil(
        () => readStat(name),
        ({scur}) => scur === 0,
      );
      const old = backends[index];
      if (old === undefined) throw new Error('no backend');
      await stopBackend(old);
      await waitForStatus(name, 'DOWN');
      backends[index] = await startBackend(`new-${name}`, old.port);
      await waitForStatus(name, 'DRAIN');
      await admin(`set server web/${name} state ready`);
      await waitForStatus(name, 'UP');
    }
    await waitUntil(
      async () => Object.keys(traffic.now().byRelease),
      (seen) => ['new-web1', 'new-web2', 'new-web3'].every((name) => seen.includes(name)),
    );
    const report = await traffic.stop();
    expect(report.failures).toEqual([]);
    expect(report.failed).toBe(0);
    expect(report.requests).toBeGreaterThan(10);
  });
});

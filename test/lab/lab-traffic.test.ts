import http from 'node:http';
import type {AddressInfo} from 'node:net';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import {startTraffic} from '../../src/lib/lab/lab-traffic.js';
import {waitUntil} from './practice-fleet.js';

let server: http.Server;
let url: string;
let answer: (request: http.IncomingMessage, response: http.ServerResponse) => void;
let connections: number;
beforeEach(async () => {
  connections = 0;
  server = http.createServer((request, response) => answer(request, response));
  server.on('connection', () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const signal = AbortSignal.timeout(30_000);

describe('startTraffic()', () => {
  it('counts answers by release, over kept and over new connections', async () => {
    answer = (request, response) => response.setHeader('x-release', request.url === '/a' ? 'r1' : 'r2').end();
    const traffic = startTraffic({url, paths: ['/a', '/b', '/b', '/b'], ratePerSecond: 200, signal});
    await waitUntil(
      async () => traffic.now().requests,
      (requests) => requests >= 20,
    );
    const report = await traffic.stop();
    expect(report.failed).toBe(0);
    expect((report.byRelease.r1 ?? 0) + (report.byRelease.r2 ?? 0)).toBe(report.requests);
    expect(report.byRelease.r1).toBe(Math.ceil(report.requests / 4));
    expect(connections).toBeGreaterThanOrEqual(Math.floor(report.requests / 2));
    expect(connections).toBeLessThan(report.requests);
  });

  it('counts as failed what is no success, and what is cut', async () => {
    answer = (request, response) => (request.url === '/cut' ? request.socket.destroy() : response.writeHead(503).end());
    const traffic = startTraffic({url, paths: ['/503', '/cut'], ratePerSecond: 200, signal});
    await waitUntil(
      async () => traffic.now().requests,
      (requests) => requests >= 4,
    );
    const report = await traffic.stop();
    expect(report.failed).toBe(report.requests);
    expect(report.failures).toEqual(
      expect.arrayContaining(['GET /503: status 503', expect.stringMatching(/^GET \/cut: socket hang up|^GET \/cut: read ECONNRESET/)]),
    );
    expect(report.failures.length).toBeLessThanOrEqual(5);
  });

  it('keeps its rate while answers are slow, and waits for them when it stops', async () => {
    const held: http.ServerResponse[] = [];
    answer = (_, response) => held.push(response);
    const traffic = startTraffic({url, paths: ['/'], ratePerSecond: 200, signal});
    await waitUntil(
      async () => held.length,
      (count) => count >= 10,
    );
    expect(traffic.now().requests).toBe(0);
    answer = (_, response) => response.end();
    const stopped = traffic.stop();
    for (const response of held) response.end();
    const report = await stopped;
    expect(report.requests).toBeGreaterThanOrEqual(10);
    expect(report.failed).toBe(0);
  });

  it('ends when its signal aborts', async () => {
    answer = (_, response) => response.end();
    const ending = new AbortController();
    const traffic = startTraffic({url, paths: ['/'], ratePerSecond: 100, signal: ending.signal});
    await waitUntil(
      async () => traffic.now().requests,
      (requests) => requests >= 1,
    );
    ending.abort();
    const {requests} = await traffic.stop();
    expect((await traffic.stop()).requests).toBe(requests);
  });
});

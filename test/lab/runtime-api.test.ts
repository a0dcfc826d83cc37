import {rm} from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import {PoolServer} from '../../src/lib/lab/pool-server.js';
import {answerRuntimeCommands} from '../../src/lib/lab/runtime-api.js';
import {statColumns} from '../../src/lib/lab/show-stat.js';
import {parseServerCounters, parseServersState, readServerState} from '../../src/lib/traffic/haproxy-state.js';
import {askSocket, makeFolder} from './practice-fleet.js';

let dir: string;
let server: net.Server;
let web1: PoolServer;
let nowMs: number;
const ask = (text: string) => askSocket(path.join(dir, 'admin.sock'), text);

beforeEach(async () => {
  dir = await makeFolder();
  nowMs = 0;
  const [first, second] = ['web1', 'web2'].map(
    (name, index) => new PoolServer({name, endpoint: {address: `127.77.0.${index + 1}`, port: 8080}, nowMs: () => nowMs}),
  );
  if (first === undefined || second === undefined) throw new Error('no servers');
  web1 = first;
  const world = {backend: 'web', servers: [first, second], frontend: {current: 2, total: 40}, uptimeSeconds: () => 12};
  server = net.createServer({allowHalfOpen: true}, (socket) => answerRuntimeCommands(socket, world));
  await new Promise<void>((resolve) => server.listen(path.join(dir, 'admin.sock'), resolve));
});
afterEach(async () => {
  await new Promise((resolve) => server.close(resolve));
  await rm(dir, {recursive: true});
});

const pass = {status: 'L7OK', code: 200, durationMs: 3} as const;
const failure = {status: 'L7STS', code: 503, durationMs: 4} as const;

describe('show stat', () => {
  it.each([
    [0, 'pxname'],
    [1, 'svname'],
    [2, 'qcur'],
    [4, 'scur'],
    [7, 'stot'],
    [17, 'status'],
    [18, 'weight'],
    [33, 'rate'],
    [36, 'check_status'],
    [37, 'check_code'],
    [73, 'addr'],
    [99, 'uweight'],
  ])('has column %i %s', (position, name) => {
    expect(statColumns[position]).toBe(name);
  });

  it('prints a header, frontend, servers and backend, each line as wide as the header and ended by a comma', async () => {
    const lines = (await ask('show stat\n')).split('\n');
    expect(lines.splice(-2)).toEqual(['', '']);
    expect(lines.map((line) => line.split(',').slice(0, 2).join())).toEqual([
      '# pxname,svname',
      'http,FRONTEND',
      'web,web1',
      'web,web2',
      'web,BACKEND',
    ]);
    expect(new Set(lines.map((line) => line.split(',').length))).toEqual(new Set([statColumns.length + 1]));
    expect(lines.every((line) => line.endsWith(','))).toBe(true);
  });

  it('can be asked for the servers of one backend, and for one server', async () => {
    expect([...(parseServerCounters(await ask('show stat web 4 -1\n'))?.keys() ?? [])]).toEqual(['web1', 'web2']);
    expect([...(parseServerCounters(await ask('show stat web 4 2\n'))?.keys() ?? [])]).toEqual(['web2']);
    expect(await ask('show stat nope 4 -1\n')).toBe('No such proxy.\n\n');
  });

  it('words the state of a server as HAProxy does', async () => {
    const read = async () => (await ask('show stat web 4 1\n')).split('\n')[1]?.split(',')[17];
    const seen = [await read()];
    const steps = [
      () => web1.recordCheck(pass),
      () => web1.recordCheck(failure),
      () => web1.recordCheck(failure),
      () => web1.recordCheck(pass),
      () => web1.setAdmin('drain'),
      () => web1.setAdmin('maint'),
      () => web1.recordCheck(failure),
      () => web1.setAdmin('ready'),
    ];
    for (const step of steps) {
      step();
      seen.push(await read());
    }
    expect(seen).toEqual(['UP 1/2', 'UP', 'UP 1/2', 'DOWN', 'UP', 'DRAIN', 'MAINT', 'MAINT', 'UP 1/2']);
  });
});

describe('show servers state', () => {
  it('is what drover reads from HAProxy', async () => {
    web1.recordCheck(pass);
    web1.setAdmin('drain');
    nowMs = 7000;
    const answer = await ask('show servers state web\n');
    expect(answer.split('\n')[2]).toBe('3 web 1 web1 127.77.0.1 2 8 100 100 7 15 3 2 6 0 0 0 - 8080 - 0 0 - - 0');
    const servers = parseServersState(answer) ?? [];
    expect(servers.map((one) => `${one.name} ${readServerState(one)}`)).toEqual(['web1 draining', 'web2 in']);
    web1.setAdmin('maint');
    expect(readServerState((parseServersState(await ask('show servers state\n')) ?? [])[0] ?? (() => expect.fail('no server'))())).toBe(
      'out',
    );
    expect(await ask('show servers state nope\n')).toBe("Can't find backend.\n\n");
  });
});

describe('set server', () => {
  it('answers an empty line when it obeys', async () => {
    expect(await ask('set server web/web1 state maint\n')).toBe('\n');
    expect(web1.admin).toBe('maint');
  });

  it.each([
    ['set server web/nope state drain', 'No such server.'],
    ['set server nope/web1 state drain', 'No such backend.'],
    ['set server web1 state drain', "Require 'backend/server'."],
    ['set server web/web1 state up', "'set server <srv> state' expects 'ready', 'drain' and 'maint'."],
    ['set server web/web1 weight', 'Require <weight> or <weight%>.'],
    ['set server web/web1 weight 1x', 'Trailing garbage in weight string.'],
    ['set server web/web1 weight 257', 'Absolute weight can only be between 0 and 256 inclusive.'],
    ['set server web/web1 weight -1%', 'Relative weight must be positive.'],
    ['shutdown sessions server web/nope', 'No such server.'],
  ])('refuses %s', async (command, answer) => {
    expect(await ask(`${command}\n`)).toBe(`${answer}\n\n`);
    expect([web1.admin, web1.weight]).toEqual(['ready', 100]);
  });

  it.each([
    ['25%', 25],
    ['0', 0],
    ['256', 256],
    ['300%', 256],
  ])('weight %s becomes %i', async (text, weight) => {
    await ask(`set server web/web1 weight ${text}\n`);
    expect(web1.weight).toBe(weight);
  });
});

describe('a connection', () => {
  it('carries several commands, each answered in its turn', async () => {
    expect(await ask('set server web/web1 state drain; set server web/x state drain;show info\n')).toMatch(
      /^\nNo such server\.\n\nName: HAProxy\nVersion: 2\.6[\s\S]*Uptime_sec: 12\n[\s\S]*\n\n$/,
    );
  });

  it('explains what it does not know', async () => {
    expect(await ask('frobnicate now\n')).toMatch(
      /^Unknown command: 'frobnicate', but maybe one of the following ones is a better match:\n {2}set server /,
    );
  });
});

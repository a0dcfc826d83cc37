import {once} from 'node:events';
import {mkdtemp, rm} from 'node:fs/promises';
import {type IncomingMessage, request, type ServerResponse} from 'node:http';
import os from 'node:os';
import path from 'node:path';
import {afterAll, afterEach, beforeAll} from 'vitest';
import {DroverError} from '../../src/lib/errors/drover-error.js';
import type {DialTarget} from '../../src/lib/host/link.js';
import type {Drain} from '../../src/lib/inventory/app.js';
import type {Host} from '../../src/lib/inventory/host.js';
import type {Balancer} from '../../src/lib/traffic/balancer.js';
import {createHaproxyBalancer} from '../../src/lib/traffic/haproxy-balancer.js';
import {parseServersState, readServerState} from '../../src/lib/traffic/haproxy-state.js';
import {type Pause, pause} from '../../src/lib/traffic/pause.js';
import {type HaproxyProcess, type HaproxySetup, poll, startHaproxy} from './haproxy-process.js';
import {linkLocally, makeHost} from './local-machine.js';
import {serveWeb, type WebServer} from './web-server.js';

const web1 = makeHost('web1');
const web2 = makeHost('web2');
const web3 = makeHost('web3');

/** Three web servers behind as many HAProxies as a test starts; each test begins without any. */
export function useHaproxySite() {
  let directory: string;
  const webs: WebServer[] = [];
  /** Requests that the web servers hold open, by path. */
  const held: {request: IncomingMessage; response: ServerResponse}[] = [];
  const running: HaproxyProcess[] = [];
  /** What the balancers of this test have warned of. */
  const warnings: string[] = [];

  beforeAll(async () => {
    directory = await mkdtemp(path.join(os.tmpdir(), 'drover-haproxy-'));
    for (let index = 0; index < 3; index += 1) {
      webs.push(
        await serveWeb((incoming, response) => {
          if (incoming.url === '/slow') held.push({request: incoming, response});
          else response.end(`web${index + 1}`);
        }),
      );
    }
  });

  afterEach(async () => {
    for (const {response} of held.splice(0)) response.destroy();
    warnings.length = 0;
    await Promise.all(running.splice(0).map((process) => process.stop()));
  });

  afterAll(async () => {
    await Promise.all(webs.map((web) => web.stop()));
    await rm(directory, {recursive: true, force: true});
  });

  const servers = (...names: string[]): string[] => names.map((name, index) => `server ${name} 127.0.0.1:${webs[index]?.port}`);

  const start = async (setup: Partial<HaproxySetup> = {}): Promise<HaproxyProcess> => {
    const process = await startHaproxy({directory, name: `lb${running.length + 1}`, backend: servers('web1', 'web2', 'web3'), ...setup});
    running.push(process);
    return process;
  };

  /** Each process is a balancer host `lb1`, `lb2`… that carries its own socket under the path of the settings. */
  const balance = (
    processes: readonly {readonly socket: string; readonly masterSocket?: string}[],
    settings: Partial<Extract<Drain, {kind: 'haproxy'}>> = {},
    admitTimeoutMs?: number,
    sleep: Pause = pause,
  ): Balancer => {
    const balancerHosts = processes.map((_, index) => makeHost(`lb${index + 1}`));
    return createHaproxyBalancer({
      drain: {
        kind: 'haproxy',
        socket: '/run/admin.sock',
        backends: ['app'],
        on: 'role:balancer',
        servers: {},
        waitMs: 10_000,
        then: 'close',
        ...settings,
      },
      balancerHosts,
      open: async (host) => {
        const link = linkLocally(host);
        const {socket = '/nowhere', masterSocket = '/nowhere'} = processes[balancerHosts.indexOf(host)] ?? {};
        const find = (target: DialTarget): string => (target.kind === 'unix' && target.path === '/run/master.sock' ? masterSocket : socket);
        return {...link, dial: (target, signal) => link.dial({kind: 'unix', path: find(target)}, signal)};
      },
      sleep,
      now: () => performance.now(),
      warn: async ({message}) => void warnings.push(message),
      ...(admitTimeoutMs === undefined ? {} : {admitTimeoutMs}),
    });
  };

  const stateOf = async (process: HaproxyProcess, name: string): Promise<string | undefined> => {
    const server = parseServersState(await process.ask('show servers state app'))?.find((candidate) => candidate.name === name);
    return server === undefined ? undefined : readServerState(server);
  };

  /** A long poll through the balancer that is certainly with a web server when this returns. */
  const holdSession = async (process: HaproxyProcess): Promise<{ended: Promise<unknown>; web: number}> => {
    const before = held.length;
    const asking = request({host: '127.0.0.1', port: process.port, path: '/slow', agent: false});
    const ended = Promise.race([
      once(asking, 'response').then(([response]) => (response as IncomingMessage).statusCode),
      once(asking, 'error'),
    ]);
    asking.end();
    await poll(
      async () => held.length,
      (count) => count > before,
    );
    const port = held.at(-1)?.request.socket.localPort;
    return {ended, web: webs.findIndex((web) => web.port === port)};
  };

  const failureOf = async (work: Promise<unknown>): Promise<DroverError> => {
    const error = await work.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (error instanceof DroverError) return error;
    throw new Error(`expected a DroverError, got ${String(error)}`);
  };

  const namedHost = (index: number): Host => [web1, web2, web3][index] ?? web1;

  return {directory: () => directory, webs, held, servers, start, balance, stateOf, holdSession, failureOf, namedHost, warnings};
}

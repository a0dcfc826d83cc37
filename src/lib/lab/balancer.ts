import http from 'node:http';
import net from 'node:net';
import {setTimeout as sleep} from 'node:timers/promises';
import {type Endpoint, listen, listenOnSocket, prepareToClose} from './lab-network.js';
import {checkServer} from './pool-check.js';
import {PoolServer} from './pool-server.js';
import {proxyRequest} from './proxy-request.js';
import {answerRuntimeCommands} from './runtime-api.js';

interface BalancerOptions {
  readonly endpoint: Endpoint;
  /** The backend's name in the runtime API. */
  readonly backend: string;
  readonly servers: ReadonlyArray<{readonly name: string; readonly endpoint: Endpoint}>;
  /** Path of the admin socket, at most 107 bytes. */
  readonly adminSocket: string;
  readonly checkIntervalMs: number;
  /** Milliseconds of a clock that never goes back. */
  readonly nowMs: () => number;
}

export interface LabBalancer {
  readonly endpoint: Endpoint;
  close(): Promise<void>;
}

const checkTimeoutMs = 1000;
const keepAliveMs = 60_000;

/**
 * An HTTP balancer in the manner of HAProxy: weighted round robin over the servers that are up and ready, active checks
 * of GET /healthz, drain and maintenance through the runtime API on `adminSocket`.
 */
export async function startBalancer(options: BalancerOptions): Promise<LabBalancer> {
  const {nowMs} = options;
  const servers = options.servers.map(({name, endpoint}) => new PoolServer({name, endpoint, nowMs}));
  const frontend = {current: 0, total: 0};

  const proxy = http.createServer((request, response) => {
    frontend.current += 1;
    frontend.total += 1;
    response.once('close', () => {
      frontend.current -= 1;
    });
    proxyRequest({request, response, chooseServer: (tried) => chooseServer(servers, tried)}).catch((error: unknown) => {
      response.destroy(error as Error);
    });
  });
  proxy.keepAliveTimeout = keepAliveMs;
  const closeProxy = prepareToClose(proxy);
  const endpoint = await listen(proxy, options.endpoint);

  const startedMs = nowMs();
  const world = {backend: options.backend, servers, frontend, uptimeSeconds: () => Math.floor((nowMs() - startedMs) / 1000)};
  const admin = net.createServer({allowHalfOpen: true}, (socket) => answerRuntimeCommands(socket, world));
  const closeAdmin = prepareToClose(admin);
  await listenOnSocket(admin, options.adminSocket).catch(async (error: unknown) => {
    await closeProxy();
    throw error;
  });

  const checking = new AbortController();
  const checks = servers.map((server) => keepChecking({server, intervalMs: options.checkIntervalMs, nowMs, signal: checking.signal}));
  return {
    endpoint,
    async close() {
      checking.abort();
      await Promise.all([...checks, closeProxy(), closeAdmin()]);
    },
  };
}

/** Smooth weighted round robin: each server gains its weight per turn, the richest is chosen and pays for all. */
function chooseServer(servers: readonly PoolServer[], tried: ReadonlySet<PoolServer>): PoolServer | undefined {
  const candidates = servers.filter((server) => server.takesRequests && !tried.has(server));
  let chosen: PoolServer | undefined;
  let sum = 0;
  for (const server of candidates) {
    server.turn += server.weight;
    sum += server.weight;
    if (chosen === undefined || server.turn > chosen.turn) chosen = server;
  }
  if (chosen !== undefined) chosen.turn -= sum;
  return chosen;
}

interface Checking {
  readonly server: PoolServer;
  readonly intervalMs: number;
  readonly nowMs: () => number;
  readonly signal: AbortSignal;
}

/** Returns when `signal` aborts. */
async function keepChecking({server, intervalMs, nowMs, signal}: Checking): Promise<void> {
  while (!signal.aborted) {
    if (server.admin !== 'maint')
      server.recordCheck(await checkServer({endpoint: server.endpoint, timeoutMs: checkTimeoutMs, nowMs, signal}));
    await sleep(intervalMs, undefined, {signal}).catch(() => {});
  }
}

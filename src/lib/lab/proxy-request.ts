import http from 'node:http';
import net from 'node:net';
import type {Endpoint} from './lab-network.js';
import type {PoolServer} from './pool-server.js';

interface ProxyRequest {
  readonly request: http.IncomingMessage;
  readonly response: http.ServerResponse;
  /** The next server to use, none of those tried; undefined when there is no other. */
  readonly chooseServer: (tried: ReadonlySet<PoolServer>) => PoolServer | undefined;
}

const connectTimeoutMs = 1000;
const hopByHop = new Set(['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade']);

/**
 * Passes one request on, over a new connection. Another server is tried only while nothing of the request has been
 * sent, that is when connecting fails. A server that dies later is a 502, or a cut response when it had begun to answer.
 */
export async function proxyRequest({request, response, chooseServer}: ProxyRequest): Promise<void> {
  const tried = new Set<PoolServer>();
  for (let server = chooseServer(tried); server !== undefined; server = chooseServer(tried)) {
    tried.add(server);
    const session = {cut: () => request.socket.destroy()};
    server.begin(session);
    try {
      const socket = await connect(server.endpoint).catch(() => undefined);
      if (response.destroyed) return void socket?.destroy();
      if (socket !== undefined) return await exchange({request, response, server, socket});
      server.counters.connectErrors += 1;
      server.counters.redispatches += 1;
    } finally {
      server.end(session);
    }
  }
  refuse(response, 503, 'No server is available to handle this request.');
}

function connect({address, port}: Endpoint): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({host: address, port, noDelay: true});
    const timer = setTimeout(() => socket.destroy(new Error('connect timed out')), connectTimeoutMs);
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.off('error', reject);
      resolve(socket);
    });
    socket.once('error', reject);
    socket.once('close', () => clearTimeout(timer));
  });
}

interface Exchange {
  readonly request: http.IncomingMessage;
  readonly response: http.ServerResponse;
  readonly server: PoolServer;
  readonly socket: net.Socket;
}

/** Resolves when the client has its answer, or is gone. Never rejects. */
function exchange({request, response, server, socket}: Exchange): Promise<void> {
  const upstream = http.request({
    createConnection: () => socket,
    method: request.method ?? 'GET',
    path: request.url ?? '/',
    headers: [...passHeaders(request.rawHeaders), 'x-forwarded-for', request.socket.remoteAddress ?? '-', 'connection', 'close'],
  });
  const fail = () => {
    server.counters.responseErrors += 1;
    if (response.headersSent) response.destroy();
    else refuse(response, 502, 'The server returned an invalid or incomplete response.');
  };
  upstream.once('error', fail);
  upstream.once('response', (answer) => {
    const status = answer.statusCode ?? 502;
    const family = Math.floor(status / 100) - 1;
    server.counters.answers[family] = (server.counters.answers[family] ?? 0) + 1;
    answer.once('error', fail);
    response.writeHead(status, answer.statusMessage ?? '', passHeaders(answer.rawHeaders));
    answer.pipe(response);
  });
  request.pipe(upstream);
  return new Promise((resolve) => {
    response.once('close', () => {
      request.unpipe(upstream);
      upstream.off('error', fail);
      upstream.on('error', () => {});
      upstream.destroy();
      resolve();
    });
  });
}

/** Names and values in turn, without those that belong to one connection. */
function passHeaders(raw: readonly string[]): string[] {
  const passed: string[] = [];
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index] ?? '';
    if (!hopByHop.has(name.toLowerCase())) passed.push(name, raw[index + 1] ?? '');
  }
  return passed;
}

function refuse(response: http.ServerResponse, status: 502 | 503, why: string): void {
  const title = `${status} ${http.STATUS_CODES[status]}`;
  response.writeHead(status, {'content-type': 'text/html', 'cache-control': 'no-cache'});
  response.end(`<html><body><h1>${title}</h1>\n${why}\n</body></html>\n`);
}

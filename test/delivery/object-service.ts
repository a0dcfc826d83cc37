import {once} from 'node:events';
import {createServer, type IncomingMessage, request, type ServerResponse} from 'node:http';
import type {AddressInfo} from 'node:net';

/** What hosts fetch from: the one part of an S3 service that `via-store` needs of it, within this process. */
export interface ObjectService {
  /** `http://127.0.0.1:PORT` */
  readonly endpoint: string;
  close(): Promise<void>;
}

/** Objects by path; an address without a signature is refused, a range is given as asked for. */
export async function startObjectService(): Promise<ObjectService> {
  const objects = new Map<string, Buffer>();
  const answer = async (asked: IncomingMessage, reply: ServerResponse): Promise<void> => {
    const url = new URL(asked.url ?? '/', 'http://service');
    const signed = url.searchParams.has('X-Amz-Signature') || asked.headers.authorization?.startsWith('AWS4-HMAC-SHA256 ') === true;
    const pieces: Buffer[] = [];
    for await (const piece of asked as AsyncIterable<Buffer>) pieces.push(piece);
    const found = objects.get(url.pathname);
    if (!signed) return void reply.writeHead(403).end();
    if (asked.method === 'PUT') {
      objects.set(url.pathname, Buffer.concat(pieces));
      return void reply.writeHead(200).end();
    }
    if (found === undefined) return void reply.writeHead(404).end();
    const range = /^bytes=(\d+)-(\d*)$/.exec(asked.headers.range ?? '');
    if (range === null) return void reply.writeHead(200, {'content-length': found.length}).end(found);
    const start = Number(range[1]);
    const end = range[2] === '' ? found.length - 1 : Math.min(found.length - 1, Number(range[2]));
    if (start > end) return void reply.writeHead(416).end();
    const headers = {'content-range': `bytes ${start}-${end}/${found.length}`, 'content-length': end - start + 1};
    reply.writeHead(206, headers).end(found.subarray(start, end + 1));
  };
  return listen((asked, reply) => void answer(asked, reply));
}

/** A service in front of another one, whose answers can be cut off at a byte of the object. */
export interface ServiceGate extends ObjectService {
  /** Answers end at this byte of the object, as when the network is cut, until it is set to undefined. */
  lastByte: number | undefined;
}

/** Passes on every exchange to the service at `endpoint`. Whoever signs addresses for the gate must know it as the service. */
export async function startServiceGate(endpoint: string): Promise<ServiceGate> {
  const gate = {lastByte: undefined as number | undefined};
  const pass = async (asked: IncomingMessage, reply: ServerResponse): Promise<void> => {
    const onward = request(`${endpoint}${asked.url}`, {method: asked.method, headers: asked.headers});
    asked.pipe(onward);
    const [answer] = (await once(onward, 'response')) as [IncomingMessage];
    reply.writeHead(answer.statusCode ?? 500, answer.headers);
    const start = Number(/=(\d+)/.exec(asked.headers.range ?? '')?.[1] ?? 0);
    let left = asked.method === 'GET' && gate.lastByte !== undefined ? gate.lastByte - start : Number.POSITIVE_INFINITY;
    for await (const piece of answer as AsyncIterable<Buffer>) {
      const wanted = piece.subarray(0, left);
      await new Promise((done) => reply.write(wanted, done));
      left -= piece.length;
      if (left <= 0) break;
    }
    if (left <= 0) reply.destroy();
    else reply.end();
  };
  const listening = await listen((asked, reply) => void pass(asked, reply));
  return Object.assign(gate, listening);
}

async function listen(handle: (asked: IncomingMessage, reply: ServerResponse) => void): Promise<ObjectService> {
  const server = createServer(handle).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

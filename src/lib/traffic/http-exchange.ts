import {type IncomingMessage, request as requestHttp} from 'node:http';
import type {Duplex} from 'node:stream';
import {DroverError} from '../errors/drover-error.js';
import type {Link} from '../host/link.js';

export interface HttpExchange {
  readonly link: Link;
  /** As the host itself would reach it; its own loopback address where nothing is said. */
  readonly address?: string;
  readonly port: number;
  /** GET where nothing is said; a POST has no body. */
  readonly method?: 'GET' | 'POST';
  /** Path and query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Dialling, asking and reading the whole answer. */
  readonly timeoutMs: number;
  /** The body is kept up to here; then `truncated`, and the connection is closed. */
  readonly maxBodyBytes: number;
  readonly signal: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  readonly reason: string;
  /** Names in lower case; repeated ones joined by a comma. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly truncated: boolean;
}

/** Why there was no whole answer. An expected ending, and one line. */
export class HttpFailure extends Error {
  override readonly name = 'HttpFailure';
}

/**
 * One request on a connection of its own, through the link. node:http and not a pooling client, because an SSH channel is a
 * `Duplex` and no socket. Throws `HttpFailure` with the reason in words, and the signal's reason on abort. Redirects are
 * answers like any other.
 */
export async function exchangeHttp(exchange: HttpExchange): Promise<HttpAnswer> {
  const deadline = AbortSignal.timeout(exchange.timeoutMs);
  const either = AbortSignal.any([exchange.signal, deadline]);
  try {
    const stream = await dialTimely(exchange.link, exchange.port, either, exchange.address);
    return await converse(stream, exchange, either);
  } catch (error) {
    exchange.signal.throwIfAborted();
    if (deadline.aborted) throw new HttpFailure(`no answer within ${exchange.timeoutMs / 1000} s`);
    if (error instanceof DroverError) throw new HttpFailure(error.message);
    throw new HttpFailure(describeNetworkError(error));
  }
}

/** Dials from the host, its loopback where no address is given; settles when the signal is aborted, whether or not the link does, and leaves nothing open. */
export async function dialTimely(link: Link, port: number, signal: AbortSignal, address = '127.0.0.1'): Promise<Duplex> {
  signal.throwIfAborted();
  const dialled = link.dial({kind: 'tcp', host: address, port}, signal);
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    signal.addEventListener('abort', stop, {once: true});
    dialled.then(
      (stream) => {
        signal.removeEventListener('abort', stop);
        if (signal.aborted) stream.destroy();
        else resolve(stream);
      },
      (error: unknown) => {
        signal.removeEventListener('abort', stop);
        reject(error);
      },
    );
  });
}

async function converse(stream: Duplex, exchange: HttpExchange, signal: AbortSignal): Promise<HttpAnswer> {
  const {address = '127.0.0.1', port, method = 'GET', path, headers, maxBodyBytes} = exchange;
  // A channel may report its end twice; nobody else listens once the answer is complete.
  stream.on('error', () => undefined);
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const request = requestHttp(
        {
          method,
          path,
          headers: {host: `${address}:${port}`, 'user-agent': 'drover', 'accept-encoding': 'identity', ...headers, connection: 'close'},
          createConnection: () => stream,
          signal,
        },
        resolve,
      );
      request.on('error', reject);
      request.end();
    });
    const {body, truncated} = await readBody(response, maxBodyBytes);
    return {status: response.statusCode ?? 0, reason: response.statusMessage ?? '', headers: joinHeaders(response), body, truncated};
  } finally {
    stream.destroy();
  }
}

async function readBody(response: IncomingMessage, maxBytes: number): Promise<{body: Buffer; truncated: boolean}> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of response) {
    const bytes = Buffer.from(piece as Uint8Array);
    pieces.push(bytes);
    size += bytes.length;
    if (size > maxBytes) return {body: Buffer.concat(pieces).subarray(0, maxBytes), truncated: true};
  }
  if (!response.complete) throw new Error(`the connection was closed after ${size} bytes of the body`);
  return {body: Buffer.concat(pieces), truncated: false};
}

function joinHeaders(response: IncomingMessage): Record<string, string> {
  return Object.fromEntries(Object.entries(response.headersDistinct).map(([name, values]) => [name, (values ?? []).join(', ')]));
}

function describeNetworkError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.message === 'socket hang up') return 'the connection was closed without an answer';
  if (error.message === 'aborted') return 'the connection was closed in the middle of the answer';
  return error.message;
}

import {createHash} from 'node:crypto';
import {createReadStream} from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import type {Readable} from 'node:stream';
import {setTimeout as sleep} from 'node:timers/promises';
import {AwsV4Signer} from 'aws4fetch';
import {DroverError} from '../errors/drover-error.js';
import type {BucketCredentials} from './bucket-credentials.js';
import {explainRefusal, isPassing, type Refusal, readRefusal} from './bucket-refusal.js';
import type {Digest} from './manifest.js';

/** What a request carries: bytes, or a stream that can be opened again for another try. */
export interface Body {
  readonly bytes: number;
  readonly digest: Digest;
  readonly open: () => Readable | Buffer;
  /** Where the bytes lie, when they are a file's: a large one may travel in parts. */
  readonly file?: string;
}

export interface Exchange {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  /** `/bucket/key`; needs no escapes. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Body;
  /** Asked before each try; what it throws ends the exchange. */
  readonly check?: () => void;
  /** Waits for nothing else that is on its way: a lock that queued behind large uploads would run out. */
  readonly urgent?: boolean;
  readonly signal: AbortSignal;
}

export interface Service {
  /** Without a slash at the end. */
  readonly endpoint: string;
  readonly region: string;
  /** The bucket as people know it, for messages. */
  readonly where: string;
  readonly credentials: () => BucketCredentials;
  /** Certificates to trust besides those of this machine, PEM. */
  readonly ca?: string;
  readonly now: () => number;
  readonly random: () => number;
}

export type Reply =
  | {readonly kind: 'reply'; readonly status: number; readonly stream: http.IncomingMessage}
  | ({readonly kind: 'refused'} & Refusal);

/** No byte in either direction for so long, and the connection has stalled. */
const idleMs = 30_000;
const maxRefusalBytes = 64 * 1024;
/** Five tries; the pauses between them add up to 3.75 s at most. */
const pausesMs = [250, 500, 1000, 2000] as const;
const emptyDigest = createHash('sha256').digest('hex') as Digest;

export function bodyOf(bytes: Buffer): Body {
  return {bytes: bytes.length, digest: createHash('sha256').update(bytes).digest('hex') as Digest, open: () => bytes};
}

/** A file that does not change while it is sent. */
export function bodyOfFile(file: string, bytes: number, digest: Digest): Body {
  return {bytes, digest, file, open: () => createReadStream(file, {highWaterMark: 1024 * 1024})};
}

/** Signs requests to one service and carries them, over connections that are kept. */
export class BucketClient {
  readonly #agent: http.Agent;
  readonly #urgentAgent: http.Agent;
  readonly #derived = new Map<string, ArrayBuffer>();
  #aheadMs = 0;

  constructor(private readonly service: Service) {
    const {Agent} = service.endpoint.startsWith('https:') ? https : http;
    this.#agent = new Agent({keepAlive: true, maxSockets: 8});
    this.#urgentAgent = new Agent({keepAlive: true, maxSockets: 2});
  }

  /**
   * One exchange; passing trouble is waited for (`pausesMs`). A refusal that `expected` names comes back as a value, every other throws
   * `authentication`, `not-found`, `invalid-file`, `refused` or `unreachable`.
   */
  async send(exchange: Exchange, expected: readonly number[] = []): Promise<Reply> {
    for (let attempt = 0; ; attempt += 1) {
      const pauseMs = pausesMs[attempt];
      const reply = await this.#try(exchange).catch((error: unknown) => {
        exchange.signal.throwIfAborted();
        if (pauseMs !== undefined && isPassingError(error)) return undefined;
        throw this.explain(error);
      });
      if (reply?.kind === 'reply' || (reply !== undefined && expected.includes(reply.status))) return reply;
      if (reply !== undefined && (pauseMs === undefined || !isPassing(reply))) throw explainRefusal(this.service.where, reply);
      await sleep((pauseMs ?? 0) * (0.5 + this.service.random() / 2), undefined, {signal: exchange.signal});
    }
  }

  /** The latest that the time of the service can be, as of its last reply, which tells whole seconds. */
  serviceNow(): number {
    return this.service.now() + this.#aheadMs;
  }

  /** The one-line failure of a reply that was a success only at its start. */
  refuse(body: string): DroverError {
    return explainRefusal(this.service.where, readRefusal(500, undefined, body, this.service.now()));
  }

  /** An address that lets whoever has it read one object for so many seconds. */
  async presign(path: string, seconds: number): Promise<string> {
    const url = `${this.service.endpoint}${path}?X-Amz-Expires=${seconds}`;
    const {url: signed} = await this.#signer({method: 'GET', url, signQuery: true}).sign();
    return signed.href;
  }

  #signer(request: {method: string; url: string; headers?: Record<string, string>; signQuery?: boolean}): AwsV4Signer {
    const {region, now} = this.service;
    const datetime = new Date(now()).toISOString().replace(/[:-]|\.\d{3}/g, '');
    const keys = this.service.credentials().reveal();
    return new AwsV4Signer({...request, ...keys, region, service: 's3', datetime, cache: this.#derived});
  }

  async #try(exchange: Exchange): Promise<Reply> {
    const {method, path, query = {}, body, check, urgent = false, signal} = exchange;
    check?.();
    const words = new URLSearchParams(query).toString();
    const url = `${this.service.endpoint}${path}${words === '' ? '' : `?${words}`}`;
    const headers = {...exchange.headers, 'x-amz-content-sha256': body?.digest ?? emptyDigest};
    const signed = await this.#signer({method, url, headers}).sign();
    const sent = {...Object.fromEntries(signed.headers), ...(body === undefined ? {} : {'content-length': String(body.bytes)})};
    const agent = urgent ? this.#urgentAgent : this.#agent;
    const stream = await this.#exchange(signed.url, {method, headers: sent, agent, signal}, body);
    const status = stream.statusCode ?? 0;
    const saidMs = Date.parse(stream.headers.date ?? '');
    if (!Number.isNaN(saidMs)) this.#aheadMs = saidMs + 1000 - this.service.now();
    if (status >= 200 && status < 300) return {kind: 'reply', status, stream};
    const text = method === 'HEAD' ? '' : await readStart(stream);
    stream.destroy();
    return {kind: 'refused', ...readRefusal(status, stream.headers.date, text, this.service.now())};
  }

  #exchange(url: URL, options: http.RequestOptions, body: Body | undefined): Promise<http.IncomingMessage> {
    const {ca} = this.service;
    const {request} = url.protocol === 'https:' ? https : http;
    return new Promise((resolve, reject) => {
      const sending = request(url, {...options, timeout: idleMs, ...(ca === undefined ? {} : {ca})});
      sending.on('timeout', () => sending.destroy(Object.assign(new Error(`no sign of life for ${idleMs / 1000} s`), {code: 'ETIMEDOUT'})));
      sending.on('error', reject);
      sending.on('response', (reply) => {
        // Keeps a reader that left early, or comes late, from ending the process; whoever reads gets the error too.
        reply.on('error', () => undefined);
        resolve(reply);
      });
      const content = body?.open();
      if (content === undefined || Buffer.isBuffer(content)) {
        sending.end(content);
        return;
      }
      content.on('error', (error) => sending.destroy(error));
      sending.on('close', () => content.destroy());
      content.pipe(sending);
    });
  }

  /** What the network did, as one line for people; everything else comes back as it is. */
  explain(error: unknown): unknown {
    if (error instanceof DroverError || !(error instanceof Error)) return error;
    const code = readNetworkCode(error);
    if (code === '') return error;
    const {endpoint, where} = this.service;
    const certificate = /CERT|SIGNATURE/.test(code);
    return new DroverError({
      code: 'unreachable',
      message: `${where}: ${endpoint} cannot be reached: ${error.message || code}`,
      fix: certificate ? 'name the authority of its certificate in AWS_CA_BUNDLE' : 'check endpoint of store:, and the network',
    });
  }
}

/** The code of what the network did, or TLS; empty for what a file or a program did. */
function readNetworkCode(error: unknown): string {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
  return /^(ECONN|EPIPE|ETIMEDOUT|EAI_|ENOTFOUND|ENETUNREACH|EHOSTUNREACH|EPROTO|HPE_|ERR_SSL_|ERR_TLS_)|CERT|SIGNATURE/.test(code)
    ? code
    : '';
}

/** Trouble that may be gone a moment later. */
export function isPassingError(error: unknown): boolean {
  return /^(ECONN|EPIPE|ETIMEDOUT|EAI_AGAIN|ENETUNREACH|EHOSTUNREACH)/.test(readNetworkCode(error));
}

async function readStart(stream: Readable): Promise<string> {
  let text = '';
  for await (const piece of stream as AsyncIterable<Buffer>) {
    text += piece.toString('utf8');
    if (text.length > maxRefusalBytes) break;
  }
  return text;
}

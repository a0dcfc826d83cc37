import {createHash} from 'node:crypto';
import {once} from 'node:events';
import {createServer, type IncomingMessage, type ServerResponse} from 'node:http';
import type {AddressInfo} from 'node:net';

export interface Asked {
  readonly method: string;
  /** `/bucket/key` */
  readonly path: string;
  readonly query: URLSearchParams;
}

/** What a test does with a request: `refuse` says 503, `cut` ends the connection within the reply to what was carried out. */
export type Meddling = 'pass' | 'refuse' | 'cut';

/** The part of an S3 service that a store in a bucket needs, in this process: what it does can be meddled with request by request. */
export interface MemoryService {
  readonly endpoint: string;
  /** Bytes by path. */
  readonly objects: Map<string, Buffer>;
  meddle: (asked: Asked) => Meddling | Promise<Meddling>;
  stop(): Promise<void>;
}

export async function startMemoryService(): Promise<MemoryService> {
  const objects = new Map<string, Buffer>();
  const uploads = new Map<string, Map<number, Buffer>>();
  const service = {objects, meddle: (): Meddling => 'pass'} as Pick<MemoryService, 'objects' | 'meddle'>;

  const list = (bucket: string, query: URLSearchParams): string => {
    const start = `/${bucket}/${query.get('prefix') ?? ''}`;
    const found = [...objects].filter(([path]) => path.startsWith(start)).sort(([a], [b]) => (a < b ? -1 : 1));
    const date = new Date().toISOString();
    const entries = found.map(
      ([path, bytes]) =>
        `<Contents><Key>${path.slice(bucket.length + 2)}</Key><LastModified>${date}</LastModified><Size>${bytes.length}</Size></Contents>`,
    );
    return `<ListBucketResult>${entries.join('')}</ListBucketResult>`;
  };

  function carryOut(
    {method, path, query}: Asked,
    headers: IncomingMessage['headers'],
    body: Buffer,
  ): [status: number, reply: Buffer | string] {
    const upload = query.get('uploadId') ?? '';
    const found = objects.get(path);
    if (query.has('list-type')) return [200, list(path.slice(1), query)];
    if (query.has('uploads') && method === 'POST') {
      const id = `upload-${uploads.size + 1}`;
      uploads.set(id, new Map());
      return [200, `<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`];
    }
    if (query.has('uploads')) return [200, '<ListMultipartUploadsResult></ListMultipartUploadsResult>'];
    if (upload !== '') {
      const parts = uploads.get(upload);
      if (parts === undefined) return [404, '<Error><Code>NoSuchUpload</Code></Error>'];
      if (method === 'PUT') parts.set(Number(query.get('partNumber')), body);
      else uploads.delete(upload);
      const all = [...parts].sort(([a], [b]) => a - b).map(([, bytes]) => bytes);
      if (method === 'POST') objects.set(path, Buffer.concat(all));
      return [200, '<CompleteMultipartUploadResult></CompleteMultipartUploadResult>'];
    }
    if (method === 'PUT' && found !== undefined && headers['if-none-match'] === '*') return [412, ''];
    if (method === 'PUT') objects.set(path, body);
    if (method === 'DELETE') objects.delete(path);
    if (method === 'PUT' || method === 'DELETE') return [200, ''];
    if (found === undefined) return [404, '<Error><Code>NoSuchKey</Code></Error>'];
    const [, start, end] = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '') ?? [];
    if (start === undefined) return [200, found];
    return [206, found.subarray(Number(start), end === '' ? undefined : Number(end) + 1)];
  }

  async function answer(request: IncomingMessage, reply: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://service');
    const asked = {method: request.method ?? '', path: url.pathname, query: url.searchParams};
    const body = Buffer.concat(await request.toArray());
    const meddling = await service.meddle(asked);
    if (meddling === 'refuse') return void reply.writeHead(503).end('<Error><Code>SlowDown</Code></Error>');
    const [status, text] = carryOut(asked, request.headers, body);
    const headers = {etag: `"${createHash('md5').update(body).digest('hex')}"`, 'content-length': Buffer.byteLength(text)};
    reply.writeHead(status, headers);
    if (meddling === 'cut') reply.write(text.slice(0, 5), () => reply.destroy());
    else reply.end(request.method === 'HEAD' ? undefined : text);
  }

  const server = createServer((request, reply) => void answer(request, reply).catch(() => reply.destroy())).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return Object.assign(service, {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

import {createServer, type RequestListener, type Server} from 'node:http';
import type {AddressInfo} from 'node:net';
import {afterEach, describe, expect, it} from 'vitest';
import {Bucket} from '../../src/lib/snapshot/bucket.js';
import {BucketCredentials} from '../../src/lib/snapshot/bucket-credentials.js';
import {bodyOf} from '../../src/lib/snapshot/bucket-exchange.js';
import {planSpans} from '../../src/lib/snapshot/bucket-fetch.js';
import type {Digest} from '../../src/lib/snapshot/manifest.js';
import {catchProblems, never} from './fixture.js';

/** What real services say only when they are in trouble, said by a server of the test. */
describe('a bucket whose service is in trouble', () => {
  let server: Server | undefined;
  afterEach(() => {
    server?.close();
    server?.closeAllConnections();
  });

  async function open(listener: RequestListener): Promise<Bucket> {
    const started = createServer(listener);
    server = started;
    await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve));
    return new Bucket({
      endpoint: `http://127.0.0.1:${(started.address() as AddressInfo).port}`,
      region: 'us-east-1',
      bucket: 'releases',
      prefix: '',
      where: 's3://releases',
      credentials: () => new BucketCredentials({accessKeyId: 'ID', secretAccessKey: 'S3CRET-7d1f'}),
      now: Date.now,
      random: () => 0,
    });
  }
  const slowDown = '<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>';

  it('waits for a service that says 503, and sends the same bytes again', async () => {
    const bodies: string[] = [];
    const bucket = await open((request, reply) => {
      let body = '';
      request.on('data', (piece: Buffer) => {
        body += piece.toString();
      });
      request.on('end', () => {
        bodies.push(body);
        if (bodies.length < 3) reply.writeHead(503).end(slowDown);
        else reply.end();
      });
    });
    expect(await bucket.add('key', bodyOf(Buffer.from('content')), never)).toBe(true);
    expect(bodies).toEqual(['content', 'content', 'content']);
  });

  it('gives up on one that goes on saying it, in one line', async () => {
    let tries = 0;
    const bucket = await open((_request, reply) => {
      tries += 1;
      reply.writeHead(503).end(slowDown);
    });
    const error = await catchProblems(() => bucket.get('key', never));
    expect(`${error.exit} ${error.code} ${error.message}`).toBe('6 unreachable s3://releases: SlowDown: Please reduce your request rate.');
    expect(tries).toBe(5);
  });

  it('never asks again with keys that were refused', async () => {
    let tries = 0;
    const bucket = await open((_request, reply) => {
      tries += 1;
      reply.writeHead(403).end('<Error><Code>ExpiredToken</Code></Error>');
    });
    const error = await catchProblems(() => bucket.get('key', never));
    expect([error.code, error.problems[0].fix, tries]).toEqual(['authentication', 'get new credentials: these have expired', 1]);
  });

  it('adds without a condition where the service knows none, and leaves what another added at the same moment', async () => {
    const conditions: unknown[] = [];
    const bucket = await open((request, reply) => {
      conditions.push(request.headers['if-none-match']);
      reply.writeHead(conditions.length === 1 ? 501 : 412).end();
    });
    const error = await catchProblems(() => bucket.add('key', bodyOf(Buffer.from('x')), never));
    expect(error.code).toBe('unreachable');
    expect(conditions).toEqual(['*', undefined]);
    expect(await bucket.add('key', bodyOf(Buffer.from('x')), never)).toBe(false);
  });

  it('says so when a service does not know ranges, instead of reading the wrong bytes', async () => {
    const bucket = await open((_request, reply) => reply.end('all of it'));
    const error = await catchProblems(async () => {
      for await (const piece of bucket.read('key', {start: 4}, never)) throw new Error(`got ${piece.toString()}`);
    });
    expect(error.code).toBe('unsupported');
  });
});

describe('planSpans()', () => {
  it('reads neighbours with one request, and asks around what nobody wants', () => {
    const at = (pack: string, offset: number, length: number) => ({pack, offset, length, digest: `${pack}${offset}` as Digest});
    const far = 1024 * 1024;
    const spans = planSpans([at('b', 0, 5), at('a', far, 10), at('a', 10, 20), at('a', 0, 10)]);
    expect(spans.map(({pack, start, end, objects}) => [pack, start, end, objects.length])).toEqual([
      ['a', 0, 30, 2],
      ['a', far, far + 10, 1],
      ['b', 0, 5, 1],
    ]);
  });
});

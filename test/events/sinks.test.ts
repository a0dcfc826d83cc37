import {mkdtemp, readdir, readFile, rm, stat} from 'node:fs/promises';
import http from 'node:http';
import type {AddressInfo} from 'node:net';
import os from 'node:os';
import path from 'node:path';
import {PassThrough, Writable} from 'node:stream';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import type {DroverEvent, Happening, Sink} from '../../src/lib/events/event.js';
import {createStreamSink, openFileSink} from '../../src/lib/events/ndjson-sink.js';
import {createNsqSink} from '../../src/lib/events/nsq-sink.js';
import {openSinks} from '../../src/lib/events/open-sinks.js';
import {createWebhookSink} from '../../src/lib/events/webhook-sink.js';

const run = '20261121-093012-7f3a';
const random = (): number => 0;
let stateDir: string;
let server: http.Server | undefined;

beforeEach(async () => {
  stateDir = await mkdtemp(path.join(os.tmpdir(), 'drover-sinks-'));
});
afterEach(async () => {
  server?.closeAllConnections();
  await new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve)));
  server = undefined;
  await rm(stateDir, {recursive: true, force: true});
});

function makeEvent(seq: number, happening: Happening = {kind: 'warning', message: `n${seq}`}): DroverEvent {
  return {v: 1, seq, at: '2026-11-21T09:30:12.000Z', run, ...happening};
}

interface Request {
  readonly url: string;
  readonly event: DroverEvent;
}

/** A fake of the one nsqd or webhook endpoint that is used; `answer` gives the status of the n-th request, undefined hangs. */
async function listen(
  answer: (count: number) => number | undefined,
): Promise<{readonly url: string; readonly requests: Request[]; readonly most: () => number}> {
  const requests: Request[] = [];
  let inFlight = 0;
  let most = 0;
  server = http.createServer((request, response) => {
    most = Math.max(most, ++inFlight);
    let body = '';
    request.on('data', (piece: Buffer) => (body += piece.toString()));
    request.on('end', () => {
      inFlight--;
      requests.push({url: request.url ?? '', event: JSON.parse(body) as DroverEvent});
      const status = answer(requests.length);
      if (status !== undefined) response.writeHead(status).end(status === 200 ? 'OK' : '{"message":"EXITING"}');
    });
  });
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  return {url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests, most: () => most};
}

/** Accepts all, counting how often trouble was told. */
function acceptAll(sink: Sink, events: readonly DroverEvent[]): number {
  let told = 0;
  for (const event of events) {
    try {
      void sink.accept(event);
    } catch {
      told++;
    }
  }
  return told;
}

describe('the NSQ sink', () => {
  it('publishes each event to the topic, one at a time and in order, without transfers', async () => {
    const nsqd = await listen(() => 200);
    const sink = createNsqSink({url: nsqd.url, topic: 'deploys', stateDir, run, random});
    acceptAll(sink, [makeEvent(1), makeEvent(2, {kind: 'transfer', host: 'web1', sentBytes: 1, totalBytes: 2}), makeEvent(3)]);
    await sink.close();
    expect(nsqd.requests.map(({url, event}) => [url, event.seq])).toEqual([
      ['/pub?topic=deploys', 1],
      ['/pub?topic=deploys', 3],
    ]);
    expect(nsqd.most()).toBe(1);
  });

  it('repeats what nsqd could not take, and loses nothing', async () => {
    const nsqd = await listen((count) => (count <= 4 ? 503 : 200));
    const sink = createNsqSink({url: nsqd.url, topic: 'deploys', stateDir, run, random});
    acceptAll(sink, [makeEvent(1), makeEvent(2)]);
    await sink.close();
    expect(nsqd.requests.map(({event}) => event.seq)).toEqual([1, 1, 1, 1, 1, 2]);
  });

  it('spools what is left when nsqd is away, and says where', async () => {
    const nsqd = await listen(() => 200);
    await new Promise((resolve) => server?.close(resolve));
    server = undefined;
    const sink = createNsqSink({url: nsqd.url, topic: 'deploys', stateDir, run, random: () => 0.5});
    acceptAll(sink, [makeEvent(1), makeEvent(2)]);
    const spool = path.join(stateDir, 'spool', `nsq-deploys-${run}.ndjson`);
    await expect(sink.close()).rejects.toThrow(`2 events not delivered and kept in ${spool} (ECONNREFUSED)`);
    expect(
      (await readFile(spool, 'utf8'))
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([makeEvent(1), makeEvent(2)]);
    expect((await stat(spool)).mode & 0o777).toBe(0o600);
  });

  it('closes within about two seconds when nsqd hangs', async () => {
    const nsqd = await listen(() => undefined);
    const sink = createNsqSink({url: nsqd.url, topic: 'deploys', stateDir, run, random});
    acceptAll(sink, [makeEvent(1)]);
    const before = performance.now();
    await expect(sink.close()).rejects.toThrow(
      /^nsqd at http:\/\/127\.0\.0\.1:\d+, topic deploys: 1 event not delivered and kept in .*no answer\)$/,
    );
    expect(performance.now() - before).toBeLessThan(3500);
  });

  it('gives up an event that is refused for good and goes on with the next', async () => {
    const nsqd = await listen((count) => (count === 1 ? 413 : 200));
    const sink = createNsqSink({url: nsqd.url, topic: 'deploys', stateDir, run, random});
    acceptAll(sink, [makeEvent(1), makeEvent(2)]);
    await expect(sink.close()).rejects.toThrow('1 event refused (answered 413)');
    expect(nsqd.requests.map(({event}) => event.seq)).toEqual([1, 2]);
  });
});

describe('the webhook sink', () => {
  it('posts milestones and hosts in trouble only, and never tells the path of the hook', async () => {
    const hook = await listen((count) => (count === 2 ? 404 : 200));
    const sink = createWebhookSink({url: `${hook.url}/secret-token`, stateDir, run, random});
    acceptAll(sink, [
      makeEvent(1, {kind: 'run-started', command: 'deploy', operator: 'ana', hosts: 2}),
      makeEvent(2, {kind: 'step-started', host: 'web1', step: 'switch'}),
      makeEvent(3, {kind: 'host-ended', host: 'web1', outcome: 'done'}),
      makeEvent(4, {kind: 'host-ended', host: 'web2', outcome: 'failed'}),
      makeEvent(5, {kind: 'run-ended', outcome: 'needs-attention', exit: 8, ms: 1}),
    ]);
    const message = await sink.close().catch((reason: unknown) => String(reason));
    expect(hook.requests.map(({event}) => event.seq)).toEqual([1, 4, 5]);
    expect(message).toContain('answered 404');
    expect(message).not.toContain('secret-token');
  });
});

describe('the NDJSON sinks', () => {
  it('write one line an event to a file', async () => {
    const file = path.join(stateDir, 'events.ndjson');
    const sink = await openFileSink(file);
    await Promise.all([sink.accept(makeEvent(1)), sink.accept(makeEvent(2))]);
    await sink.close();
    expect(await readFile(file, 'utf8')).toBe(`${JSON.stringify(makeEvent(1))}\n${JSON.stringify(makeEvent(2))}\n`);
  });

  it('name the file that cannot be opened', async () => {
    await expect(openFileSink(path.join(stateDir, 'no', 'such'))).rejects.toMatchObject({problems: [{code: 'usage'}]});
  });

  it('reject, and do not end the process, when the reader of a stream is gone', async () => {
    const stream = new Writable({write: (_chunk, _encoding, done) => done(Object.assign(new Error('write EPIPE'), {code: 'EPIPE'}))});
    const sink = createStreamSink(stream);
    await expect(sink.accept(makeEvent(1))).rejects.toThrow('EPIPE');
    await expect(sink.accept(makeEvent(2))).rejects.toThrow();
  });
});

describe('openSinks', () => {
  it('opens journal, lines and receivers, and tells at the end what was not delivered', async () => {
    const nsqd = await listen(() => 400);
    const stream = new PassThrough();
    const opened = await openSinks({
      stateDir,
      run,
      receivers: [{kind: 'nsq', url: nsqd.url, topic: 'deploys'}],
      ndjson: {kind: 'stream', stream},
      random,
    });
    for (const sink of [opened.journal, ...opened.sinks]) await sink?.accept(makeEvent(1));
    const losses = await opened.close();
    expect(String(stream.read())).toBe(`${JSON.stringify(makeEvent(1))}\n`);
    expect(losses).toHaveLength(1);
    expect(losses[0]).toContain('1 event refused (answered 400)');
    expect(await readFile(opened.journal?.file ?? '', 'utf8')).toBe(`${JSON.stringify(makeEvent(1))}\n`);
  });

  it('leaves nothing behind for a run that is not recorded', async () => {
    const opened = await openSinks({stateDir, run, receivers: [], recorded: false, random});
    expect(opened.journal).toBeUndefined();
    await opened.close();
    await expect(readdir(path.join(stateDir, 'runs'))).rejects.toThrow('ENOENT');
  });
});

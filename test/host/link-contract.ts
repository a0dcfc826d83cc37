import {createHash, randomBytes} from 'node:crypto';
import {mkdtemp, rm} from 'node:fs/promises';
import {createServer} from 'node:net';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {Readable} from 'node:stream';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import type {ExecRequest, ExecResult, Link} from '../../src/lib/host/link.js';
import {listen, makeStaleSocket} from './sockets.js';
import {patiently} from './some-host.js';
import {findFreePort} from './sshd.js';

export interface LinkUnderTest {
  /** A new connection. */
  readonly open: () => Promise<Link>;
  /** Cuts the cable of all connections; undefined where there is none. */
  readonly cut?: () => void;
  /** Whether a command's own status 255 is told from a lost connection. */
  readonly knows255: boolean;
  readonly knowsSignals: boolean;
}

/** What `exec` gets: as a login shell would. */
export function ask(link: Link, script: string, more: Partial<ExecRequest> = {}): Promise<ExecResult> {
  const command = `exec /bin/sh -c '${script}'`;
  return link.exec({command, idleTimeoutMs: 20_000, totalTimeoutMs: 30_000, maxOutputBytes: 1024 * 1024, signal: patiently, ...more});
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** What every link to a host that runs commands must keep. */
export function describeLink(name: string, prepare: () => LinkUnderTest): void {
  describe(`the ${name} link`, () => {
    let under: LinkUnderTest;
    let link: Link;
    let folder: string;
    beforeAll(async () => {
      under = prepare();
      folder = await mkdtemp(path.join(tmpdir(), 'drover-link-'));
      link = await under.open();
    });
    afterAll(async () => {
      await link.close();
      await rm(folder, {recursive: true, force: true});
    });

    it('gives exit status and both outputs', async () => {
      const result = await ask(link, 'echo out; echo err >&2; exit 3');
      expect(result).toEqual({
        exit: {kind: 'exited', status: 3},
        stdout: Buffer.from('out\n'),
        stderr: Buffer.from('err\n'),
        truncated: false,
      });
    });

    it('tells a command that a signal killed', async () => {
      const {exit} = await ask(link, 'kill -KILL $$');
      expect(exit).toEqual(under.knowsSignals ? {kind: 'killed', signal: 'SIGKILL'} : {kind: 'lost', reason: 'the connection closed'});
    });

    it('tells status 255 from a lost connection, where it can', async () => {
      const {exit} = await ask(link, 'exit 255');
      expect(exit.kind).toBe(under.knows255 ? 'exited' : 'lost');
    });

    it('carries 5 MB of any bytes both ways unchanged', async () => {
      const bytes = randomBytes(5 * 1024 * 1024);
      const script = 'copy=$(mktemp); cat >$copy; cat $copy; cat $copy >&2; rm $copy';
      const {exit, stdout, stderr, truncated} = await ask(link, script, {stdin: bytes, maxOutputBytes: 8 * 1024 * 1024});
      expect(exit).toEqual({kind: 'exited', status: 0});
      expect([sha256(stdout), sha256(stderr), truncated]).toEqual([sha256(bytes), sha256(bytes), false]);
    });

    it('ends standard input after an empty source', async () => {
      const {stdout} = await ask(link, 'cat; echo ended');
      expect(stdout.toString()).toBe('ended\n');
    });

    it('takes from a source only what the command reads', async () => {
      let taken = 0;
      const source = Readable.from(
        (function* () {
          for (let piece = 0; piece < 4000; piece++) {
            taken++;
            yield Buffer.alloc(65_536);
          }
        })(),
        {objectMode: false},
      );
      const stopping = new AbortController();
      const result = ask(link, 'echo ready; exec sleep 60', {
        stdin: source,
        signal: stopping.signal,
        onOutput: () => {
          setTimeout(() => stopping.abort(), 1000);
        },
      });
      expect((await result).exit).toEqual({kind: 'lost', reason: 'abandoned'});
      // 250 MB were to be had; pipes and windows hold some of it.
      expect(taken).toBeLessThan(400);
    });

    it('reports a command that ends without reading its input', async () => {
      const {exit} = await ask(link, 'exit 4', {stdin: Readable.from([Buffer.alloc(1024 * 1024), Buffer.alloc(1024 * 1024)])});
      expect(exit).toEqual({kind: 'exited', status: 4});
    });

    it('calls a source that fails lost', async () => {
      const source = Readable.from(
        (function* () {
          yield Buffer.from('some');
          throw new Error('the disk is gone');
        })(),
      );
      const {exit} = await ask(link, 'exec cat', {stdin: source});
      expect(exit).toEqual({kind: 'lost', reason: 'the disk is gone'});
    });

    it('ends a command that gives no sign of life', async () => {
      const {exit, stdout} = await ask(link, 'echo first; exec sleep 60', {idleTimeoutMs: 1500});
      expect(exit).toEqual({kind: 'timed-out', afterMs: 1500, what: 'idle'});
      expect(stdout.toString()).toBe('first\n');
    });

    it('V9: ends a command that talks for ever', async () => {
      const {exit} = await ask(link, 'while :; do echo x; sleep 0.1; done', {totalTimeoutMs: 900});
      expect(exit).toEqual({kind: 'timed-out', afterMs: 900, what: 'total'});
    });

    it('V9: keeps head and tail of a flood and no more memory than that', async () => {
      globalThis.gc?.();
      const before = process.memoryUsage.rss();
      let peak = before;
      let seen = 0;
      const {exit, stdout, truncated} = await ask(link, 'echo head; head -c 200000000 /dev/zero | tr "\\0" x; echo tail', {
        maxOutputBytes: 100_000,
        totalTimeoutMs: 60_000,
        onOutput: (_stream, piece) => {
          seen += piece.length;
          peak = Math.max(peak, process.memoryUsage.rss());
        },
      });
      expect(exit).toEqual({kind: 'exited', status: 0});
      expect([seen, truncated, stdout.length]).toEqual([200_000_010, true, 100_000]);
      expect(stdout.toString()).toMatch(/^head\nx+tail\n$/);
      expect(peak - before).toBeLessThan(120 * 1024 * 1024);
    }, 90_000);

    it('gives up at once when it is told to', async () => {
      const stopping = new AbortController();
      const result = await ask(link, 'echo ready; exec sleep 60', {signal: stopping.signal, onOutput: () => stopping.abort()});
      expect(result.exit).toEqual({kind: 'lost', reason: 'abandoned'});
    });

    it('runs 20 commands at a time over one connection', async () => {
      const results = await Promise.all(Array.from({length: 20}, (_, index) => ask(link, `sleep 0.2; echo ${index}`)));
      expect(results.map(({exit, stdout}) => [exit.kind, stdout.toString()])).toEqual(
        Array.from({length: 20}, (_, index) => ['exited', `${index}\n`]),
      );
    });

    it('dials TCP and unix sockets of the host, with each direction ended by itself', async () => {
      const echo = createServer({allowHalfOpen: true}, (socket) => {
        const pieces: Buffer[] = [];
        socket.on('data', (piece: Buffer) => pieces.push(piece));
        socket.on('end', () => socket.end(Buffer.concat([Buffer.from('you said '), ...pieces])));
        socket.on('error', () => undefined);
      });
      for (const at of [{port: await findFreePort(), host: '127.0.0.1'}, {path: path.join(folder, 'echo.sock')}]) {
        await listen(echo, at);
        const target =
          'path' in at ? ({kind: 'unix', path: at.path ?? ''} as const) : ({kind: 'tcp', host: '127.0.0.1', port: at.port} as const);
        const stream = await link.dial(target, patiently);
        const pieces: Buffer[] = [];
        stream.on('data', (piece: Buffer) => pieces.push(piece));
        const ended = new Promise((resolve) => stream.once('end', resolve));
        stream.end(Buffer.alloc(300_000, 'a'));
        await ended;
        stream.destroy();
        expect(Buffer.concat(pieces).toString()).toBe(`you said ${'a'.repeat(300_000)}`);
        await new Promise((resolve) => echo.close(resolve));
      }
    });

    it('hands over a stream whose far end speaks first', async () => {
      const greeter = createServer((socket) => socket.end('hello\n'));
      const file = path.join(folder, 'greet.sock');
      await listen(greeter, {path: file});
      const stream = await link.dial({kind: 'unix', path: file}, patiently);
      let said = '';
      for await (const piece of stream) said += String(piece);
      expect(said).toBe('hello\n');
      // Its other direction is still open, and Node 24 leaves it so.
      stream.destroy();
      await new Promise((resolve) => greeter.close(resolve));
    });

    it('rejects a refused target as unreachable', async () => {
      const stale = path.join(folder, 'stale.sock');
      makeStaleSocket(stale);
      for (const target of [
        {kind: 'tcp', host: '127.0.0.1', port: await findFreePort()},
        {kind: 'unix', path: path.join(folder, 'none.sock')},
        {kind: 'unix', path: stale},
      ] as const) {
        await expect(link.dial(target, patiently)).rejects.toMatchObject({
          code: 'unreachable',
          message: expect.stringMatching(/^web1: cannot open /),
        });
      }
    });

    it('dials no more when it is told to stop', async () => {
      await expect(link.dial({kind: 'tcp', host: '127.0.0.1', port: 1}, AbortSignal.abort(new Error('stop')))).rejects.toThrow('stop');
    });

    it('closes twice, and runs nothing after that', async () => {
      const other = await under.open();
      await other.close();
      await other.close();
      if (other.kind !== 'local') expect((await ask(other, 'exit 0')).exit.kind).toBe('lost');
    });

    it('calls a command lost whose connection is cut, and the next one as well', async () => {
      if (under.cut === undefined) return;
      const other = await under.open();
      const {cut} = under;
      const result = await ask(other, 'echo ready; exec sleep 60', {onOutput: () => cut()});
      expect(result.exit.kind).toBe('lost');
      expect(result.stdout.toString()).toBe('ready\n');
      expect((await ask(other, 'exit 0')).exit.kind).toBe('lost');
      await expect(other.dial({kind: 'tcp', host: '127.0.0.1', port: 1}, patiently)).rejects.toMatchObject({code: 'unreachable'});
      await other.close();
    });
  });
}

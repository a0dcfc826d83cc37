import {Readable, type Writable} from 'node:stream';
import {pipeline} from 'node:stream/promises';
import {ExecTimers} from './exec-timers.js';
import {KeptOutput} from './kept-output.js';
import type {ExecRequest, ExecResult, Exit} from './link.js';

/** One running command, whatever carries it. */
export interface RunningCommand {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Gives the command up: closes its channel or ends its process group. */
  readonly end: () => void;
  /** Calls `settle` with how it ended; the first call counts. */
  readonly exit: (settle: (exit: Exit) => void) => void;
  /** Calls `done` when no more output can come. */
  readonly closed: (done: () => void) => void;
}

/** A command that did not run, because its link had died before. */
export function lostResult(reason: string): ExecResult {
  return {exit: {kind: 'lost', reason}, stdout: Buffer.alloc(0), stderr: Buffer.alloc(0), truncated: false};
}

/** What fits into any pipe and window; nothing has to watch how it goes. */
const atOnceBytes = 32 * 1024;

/** A command whose output is over ends by itself, as a rule. */
const leavingMs = 200;

/** Feeds, reads and times one command; the same rules for every link. Resolves when it ended or was given up. */
export async function runOnStreams(request: ExecRequest, command: RunningCommand): Promise<ExecResult> {
  const stdout = new KeptOutput(request.maxOutputBytes);
  const stderr = new KeptOutput(request.maxOutputBytes);
  const exit = await new Promise<Exit>((resolve) => {
    let ended: Exit | undefined;
    let over = false;
    const giveUp = (exit: Exit): void => {
      over = true;
      command.end();
      resolve(exit);
    };
    const timers = new ExecTimers(request, giveUp);
    let leaving: NodeJS.Timeout | undefined;
    const finish = (exit: Exit): void => {
      over = true;
      timers.stop();
      clearTimeout(leaving);
      resolve(exit);
    };
    const leave = (): void => {
      timers.stop();
      giveUp(ended ?? {kind: 'exited', status: 0});
    };
    command.exit((exit) => {
      ended ??= exit;
    });
    command.closed(() => finish(ended ?? {kind: 'lost', reason: 'the connection closed'}));
    const read = (name: 'stdout' | 'stderr', stream: Readable, kept: KeptOutput): void => {
      stream.on('data', (piece: Buffer) => {
        if (over) return;
        timers.touch();
        kept.add(piece);
        const room = request.onOutput?.(name, piece);
        if (leaving === undefined && request.isOver?.() === true) leaving = setTimeout(leave, leavingMs);
        if (!(room instanceof Promise)) return;
        stream.pause();
        void room.then(() => {
          timers.touch();
          stream.resume();
        });
      });
      stream.on('error', () => finish({kind: 'lost', reason: `${name} broke`}));
    };
    read('stdout', command.stdout, stdout);
    read('stderr', command.stderr, stderr);
    const breakOff = (error: Error): void => {
      // The command may end without reading all of its input; only a source that fails is ours to report.
      if (over || isStreamEnd(error)) return;
      timers.stop();
      giveUp({kind: 'lost', reason: error.message});
    };
    const {stdin: source = Buffer.alloc(0)} = request;
    if (Buffer.isBuffer(source) && source.length <= atOnceBytes) command.stdin.once('error', breakOff).end(source);
    else feed(source, command.stdin, () => timers.touch()).catch(breakOff);
  });
  return {exit, stdout: stdout.bytes(), stderr: stderr.bytes(), truncated: stdout.truncated || stderr.truncated};
}

async function feed(source: Buffer | Readable, stdin: Writable, touched: () => void): Promise<void> {
  const pieces = Buffer.isBuffer(source) ? Readable.from([source]) : source;
  const watch = async function* (input: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const piece of input) {
      touched();
      yield piece;
    }
  };
  await pipeline(pieces, watch, stdin, {end: true});
}

function isStreamEnd(error: Error & {code?: string}): boolean {
  return ['EPIPE', 'ERR_STREAM_PREMATURE_CLOSE', 'ECONNRESET', 'ERR_STREAM_DESTROYED', 'ERR_STREAM_WRITE_AFTER_END'].includes(
    error.code ?? '',
  );
}

import {randomBytes} from 'node:crypto';
import {PassThrough} from 'node:stream';
import type {Link} from './link.js';
import {describeCall, readReply, refuseMalformed, renderHeader, type VerbCall, VerbError} from './verb-call.js';
import {verbCommand} from './verb-program.js';

/** A line of a verb that is still running, and when it arrived here. */
export interface HeardLine {
  readonly text: string;
  readonly atMs: number;
}

/** A verb that talks while it runs. Its standard input stays open until `close`, and what is said goes out at once. */
export interface VerbSession {
  say(line: string): void;
  /** The next line of its reply; undefined once the verb has ended. One caller at a time. */
  hear(): Promise<HeardLine | undefined>;
  /** Ends its standard input; safe to call twice. */
  close(): void;
  /** The whole body once it ended; rejects with `VerbError`. */
  readonly ended: Promise<string>;
}

/** Starts a verb and stays in touch with it. Losing the link ends the session as `lost`, and the host sees its input end. */
export function openVerbSession(link: Link, call: Omit<VerbCall, 'payload'> & {readonly now: () => number}): VerbSession {
  refuseMalformed(call.values);
  const nonce = randomBytes(16).toString('hex');
  const stdin = new PassThrough();
  stdin.write(renderHeader(nonce, call.values));
  const lines: HeardLine[] = [];
  let wake: (() => void) | undefined;
  let over = false;
  let unread = '';
  let begun = false;
  const hearPiece = (piece: Buffer): void => {
    const atMs = call.now();
    unread += piece.toString('latin1');
    for (let end = unread.indexOf('\n'); end >= 0; end = unread.indexOf('\n')) {
      const text = unread.slice(0, end);
      unread = unread.slice(end + 1);
      if (begun) lines.push({text, atMs});
      else begun = text === `drover ${nonce} begin`;
    }
    wake?.();
  };
  const totalTimeoutMs = call.totalTimeoutMs ?? 120_000;
  const ended = link
    .exec({
      command: verbCommand(call.verb),
      label: describeCall(call),
      stdin,
      idleTimeoutMs: call.idleTimeoutMs ?? totalTimeoutMs,
      totalTimeoutMs,
      maxOutputBytes: call.maxReplyBytes ?? 1024 * 1024,
      signal: call.signal,
      onOutput: (stream, piece) => {
        if (stream === 'stdout') hearPiece(piece);
      },
    })
    .then((result) => readReply(link, call, nonce, result))
    .finally(() => {
      over = true;
      stdin.destroy();
      wake?.();
    });
  // Whoever waits for the end hears of a failure there; one that is only listened to has ended.
  ended.catch(() => undefined);
  return {
    say(line) {
      if (!stdin.destroyed) stdin.write(`${line}\n`);
    },
    async hear() {
      for (;;) {
        const line = lines.shift();
        if (line !== undefined) return line;
        if (over) return undefined;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        wake = undefined;
      }
    },
    close() {
      if (!stdin.destroyed) stdin.end();
    },
    ended,
  };
}

/** The reply ended without the line that was waited for. */
export function missingLine(link: Link, verb: string): VerbError {
  const {name} = link.host;
  return new VerbError({code: 'needs-attention', message: `${name}: ${verb} ended without its answer`, host: name}, 'unexpected', '');
}

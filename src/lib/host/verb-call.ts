import {randomBytes} from 'node:crypto';
import {Readable} from 'node:stream';
import type {Problem} from '../errors/drover-error.js';
import {DroverError} from '../errors/drover-error.js';
import type {ExecRequest, ExecResult, Link} from './link.js';
import {type VerbName, verbCommand} from './verb-program.js';
import {type VerbFailure, verbStatus} from './verb-status.js';

export interface VerbCall {
  readonly verb: VerbName;
  /** Values for the header; none may hold a line break or NUL. */
  readonly values: Readonly<Record<string, string | number | undefined>>;
  readonly payload?: Buffer | string | Readable;
  readonly signal: AbortSignal;
  /** No byte in either direction for this long ends the call. */
  readonly idleTimeoutMs?: number;
  readonly totalTimeoutMs?: number;
  readonly maxReplyBytes?: number;
  /** Called with each line of the reply as it comes, before the frame is whole: for progress, and for nothing that is decided by it. */
  readonly onLine?: (line: string) => void;
}

/**
 * A verb that did not do what was asked. `failure` says how; `lost` means that its effect is unknown until the host's state is
 * read again. `body` is what the verb had replied until then. `timedOut`: it was given up by our own clock.
 */
export class VerbError extends DroverError {
  readonly failure: VerbFailure;
  readonly body: string;
  readonly timedOut: boolean;

  constructor(problem: Problem, failure: VerbFailure, body: string, timedOut = false) {
    super(problem);
    this.failure = failure;
    this.body = body;
    this.timedOut = timedOut;
  }
}

const usualReplyBytes = 4 * 1024 * 1024;

/** Runs one verb and gives the body of its reply; throws `VerbError`. */
export async function callVerb(link: Link, call: VerbCall): Promise<string> {
  refuseMalformed(call.values);
  const nonce = randomBytes(16).toString('hex');
  const header = Buffer.from(renderHeader(nonce, call.values));
  const lines = call.onLine === undefined ? undefined : watchLines(nonce, call.onLine);
  const result = await link.exec({
    command: verbCommand(call.verb),
    label: describeCall(call),
    stdin: joinPayload(header, call.payload),
    idleTimeoutMs: call.idleTimeoutMs ?? 60_000,
    totalTimeoutMs: call.totalTimeoutMs ?? 120_000,
    maxOutputBytes: call.maxReplyBytes ?? usualReplyBytes,
    signal: call.signal,
    onOutput: (stream, piece) => lines?.(stream, piece),
  });
  if (link.kind === 'printing' && result.stdout.length === 0) return '';
  return readReply(link, call, nonce, result);
}

/** Gives the lines after the frame's begin; an endless one is dropped. */
function watchLines(nonce: string, onLine: (line: string) => void): NonNullable<ExecRequest['onOutput']> {
  let begun = false;
  let rest = '';
  return (stream, piece) => {
    if (stream !== 'stdout') return;
    const lines = `${rest}${piece.toString('latin1')}`.split('\n');
    rest = (lines.pop() ?? '').slice(-4096);
    for (const line of lines) {
      if (begun) onLine(line);
      else begun = line === `drover ${nonce} begin`;
    }
  };
}

/** The call in words, for a dry run. */
export function describeCall(call: VerbCall): string {
  const values = Object.entries(call.values).filter(([, value]) => value !== undefined && value !== '');
  return [call.verb, ...values.map(([name, value]) => `${name}=${value}`)].join(' ');
}

const word = /^[0-9a-z-]*$/;
const digits = /^\d*$/;
const id = /^[0-9a-f]*$/;
const name = /^(?!-)[0-9A-Za-z._:-]*$/;

/** What values may hold that become names of files or are calculated with on the host, which checks the same again. */
const grammar: Readonly<Record<string, RegExp>> = {
  ...{id, base: id, from: id, to: id, digest: id, token: id, address: name, user: name, part: /^[0-9a-f-]*$/, protect: /^[0-9a-f ]*$/},
  ...{run: word, event: word, kind: word, encoding: word},
  ...{
    epoch: digits,
    ttl: digits,
    bytes: digits,
    need: digits,
    files: digits,
    offset: digits,
    seconds: digits,
    keep: digits,
    max: digits,
    archive: digits,
    instant: digits,
    late: digits,
    expect: digits,
    wait: digits,
    port: digits,
    mode: digits,
  },
};

/** Values that the host would refuse never leave. Throws `usage`. */
export function refuseMalformed(values: VerbCall['values']): void {
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined || grammar[name]?.test(String(value)) !== false) continue;
    throw new DroverError({code: 'usage', message: `${name} ${JSON.stringify(value)} is malformed`});
  }
}

/** The header that `verbs/prelude.sh` reads; a value that could end its line early is refused. */
export function renderHeader(nonce: string, values: VerbCall['values']): string {
  let text = `${nonce}\n`;
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined) continue;
    if (/[\n\0]/.test(String(value))) {
      throw new DroverError({code: 'usage', message: `a line break or NUL is not allowed in ${name} ${JSON.stringify(value)}`});
    }
    text += `${name}=${value}\n`;
  }
  return `${text}\n`;
}

function joinPayload(header: Buffer, payload: VerbCall['payload']): Buffer | Readable {
  if (payload === undefined) return header;
  if (typeof payload === 'string') return Buffer.concat([header, Buffer.from(payload)]);
  if (Buffer.isBuffer(payload)) return Buffer.concat([header, payload]);
  return Readable.from(
    (async function* () {
      yield header;
      yield* payload;
    })(),
    {objectMode: false},
  );
}

/** Finds the frame of this call in all that the login shell may have printed around it. */
export function findFrame(output: Buffer, nonce: string): {status: number; body: string} | undefined {
  const text = output.toString('utf8');
  const begin = `\ndrover ${nonce} begin\n`;
  const start = text.indexOf(begin);
  const end = text.lastIndexOf(`\ndrover ${nonce} end `);
  if (start < 0 || end < start + begin.length - 1) return undefined;
  const status = /^\ndrover [0-9a-f]+ end (\d{1,3})\n/.exec(text.slice(end));
  if (status?.[1] === undefined) return undefined;
  return {status: Number(status[1]), body: text.slice(start + begin.length, end)};
}

/** Whether the frame spans the place where kept output was cut. */
function isCut(output: Buffer, nonce: string, maxBytes: number): boolean {
  const cut = Math.ceil(maxBytes / 2);
  return (
    output.length >= maxBytes && output.indexOf(`\ndrover ${nonce} begin\n`) < cut && output.lastIndexOf(`\ndrover ${nonce} end `) >= cut
  );
}

/** The body of a verb's framed reply; throws `VerbError`. */
export function readReply(link: Link, {verb, maxReplyBytes = usualReplyBytes}: VerbCall, nonce: string, result: ExecResult): string {
  const host = link.host.name;
  const frame = findFrame(result.stdout, nonce);
  if (frame !== undefined && result.truncated && isCut(result.stdout, nonce, maxReplyBytes)) {
    const message = `${host}: ${verb} replied with more than ${maxReplyBytes} bytes`;
    throw new VerbError({code: 'needs-attention', message, host}, 'unexpected', '');
  }
  if (frame === undefined) {
    const message = `${host}: ${verb}: ${describeLoss(result)}`;
    throw new VerbError({code: 'unreachable', message, host}, 'lost', '', result.exit.kind === 'timed-out');
  }
  if (frame.status === 0) return frame.body;
  const words = /(?:^|\n)error (.*)\s*$/.exec(frame.body)?.[1];
  const known = (verbStatus as Record<number, {name: VerbFailure; code: Problem['code']} | undefined>)[frame.status];
  const detail = words ?? `${verb} failed with status ${frame.status}: ${lastLine(result.stderr) || lastLine(Buffer.from(frame.body))}`;
  throw new VerbError(
    {code: known?.code ?? 'needs-attention', message: `${host}: ${detail}`, host},
    known?.name ?? 'unexpected',
    frame.body,
  );
}

/** How a command ended of which no reply came, in words. */
export function describeLoss(result: ExecResult): string {
  const {exit} = result;
  switch (exit.kind) {
    case 'lost':
      return `the connection was lost (${exit.reason})`;
    case 'timed-out':
      return exit.what === 'idle' ? `no sign of life for ${exit.afterMs / 1000} s` : `not done after ${exit.afterMs / 1000} s`;
    case 'killed':
      return `killed by ${exit.signal}`;
    case 'exited':
      return `no reply (exit status ${exit.status}): ${lastLine(result.stderr) || lastLine(result.stdout) || 'the login shell must be able to exec /bin/sh'}`;
  }
}

function lastLine(output: Buffer): string {
  return output.toString('utf8').trim().split('\n').at(-1)?.slice(0, 300) ?? '';
}

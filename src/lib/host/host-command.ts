import {randomBytes} from 'node:crypto';
import {Readable} from 'node:stream';
import {FramedOutput} from './framed-output.js';
import {KeptOutput} from './kept-output.js';
import type {Link} from './link.js';
import {describeCall, describeLoss, renderHeader, VerbError} from './verb-call.js';
import {verbCommand} from './verb-program.js';

/** An operator's command, without any app. */
export interface OperatorCommand {
  readonly command: string;
  readonly seconds: number;
  /** Of its output the head and the end are kept, within this. */
  readonly maxBytes: number;
  /** Runs it as root by `sudo -n`, which never asks for a password. */
  readonly sudo?: boolean;
  /** A file that the command finds as `$1`. */
  readonly script?: Buffer;
  /** Its standard input; empty by default. */
  readonly input?: Buffer;
  /** Gets the output as it comes, all of it. */
  readonly onPiece?: (piece: Buffer) => void;
  readonly signal: AbortSignal;
}

export interface CommandEnd {
  readonly status: number;
  /** Set when the deadline ended it. */
  readonly lateAfterSeconds: number | undefined;
  readonly output: string;
}

/** A command on a host. Its exit status is a value; only a link or a host that fails throws: `VerbError`, `lost` when nobody knows how it ended. */
export async function runCommandOn(
  link: Link,
  {command, seconds, maxBytes, sudo, script, input, onPiece, signal}: OperatorCommand,
): Promise<CommandEnd> {
  const nonce = randomBytes(16).toString('hex');
  const kept = new KeptOutput(maxBytes);
  const framed = new FramedOutput(nonce, (piece) => {
    kept.add(piece);
    onPiece?.(piece);
  });
  const values = {
    seconds,
    files: command.split('\n').length,
    ...(sudo === true ? {kind: 'sudo'} : {}),
    ...(script === undefined ? {} : {bytes: script.length}),
    ...(script === undefined && input === undefined ? {} : {offset: (script?.length ?? 0) + (input?.length ?? 0)}),
  };
  const start = Buffer.from(`${renderHeader(nonce, values)}${command}\n`);
  // Many hosts share what is sent to each.
  const parts = [start, script, input].filter((part) => part !== undefined && part.length > 0);
  // The host counts seconds of sleep, which are a little longer than seconds.
  const timeoutMs = (seconds * 1.1 + 15) * 1000;
  const {exit, stderr} = await link.exec({
    command: verbCommand('command'),
    label: describeCall({verb: 'command', values, signal}),
    stdin: parts.length === 1 ? start : Readable.from(parts),
    idleTimeoutMs: timeoutMs,
    totalTimeoutMs: timeoutMs,
    // What the frame holds is kept here; the rest says why there was none.
    maxOutputBytes: 4096,
    signal,
    onOutput: (stream, piece) => {
      if (stream === 'stdout') framed.add(piece);
    },
    isOver: () => framed.end !== undefined,
  });
  framed.close();
  const {end} = framed;
  if (end?.kind === 'ended') return {status: end.status, lateAfterSeconds: end.isLate ? seconds : undefined, output: renderKept(kept)};
  if (link.kind === 'printing') return {status: 0, lateAfterSeconds: undefined, output: ''};
  const host = link.host.name;
  if (end !== undefined) throw new VerbError({code: 'needs-attention', message: `${host}: ${end.why}`, host}, 'unexpected', '');
  const message = `${host}: command: ${describeLoss({exit, stdout: kept.bytes(), stderr, truncated: kept.truncated})}`;
  throw new VerbError({code: 'unreachable', message, host}, 'lost', '', exit.kind === 'timed-out');
}

function renderKept(kept: KeptOutput): string {
  const bytes = kept.bytes();
  if (!kept.truncated) return bytes.toString();
  const half = Math.ceil(bytes.length / 2);
  return `${bytes.subarray(0, half).toString()}\n[… output left out here …]\n${bytes.subarray(half).toString()}`;
}

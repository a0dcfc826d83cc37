import type {Duplex} from 'node:stream';
import {DroverError} from '../errors/drover-error.js';
import type {Link} from '../host/link.js';

export interface HaproxyCommand {
  readonly link: Link;
  /** Path of the admin socket on the balancer host. */
  readonly socket: string;
  /** One command, or several with semicolons between them; each is answered with an empty line at its end. */
  readonly command: string;
  /** Dialling, sending and reading the whole answer. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** A backend of some thousand servers answers with well under a megabyte. */
const maxAnswerBytes = 16 * 1024 * 1024;

/**
 * Sends one command over a connection of its own and returns the whole answer, which ends with an empty line. The write side is ended after the
 * command: a worker closes after its answer anyway, the master process only then (met with 2.6).
 * Throws `refused` when there is no complete answer in time, and what `Link.dial` throws when nothing listens.
 */
export async function askHaproxy({link, socket, command, timeoutMs, signal}: HaproxyCommand): Promise<string> {
  const deadline = AbortSignal.timeout(timeoutMs);
  const either = AbortSignal.any([signal, deadline]);
  try {
    const stream = await link.dial({kind: 'unix', path: socket}, either);
    return await readAnswer(stream, command, either);
  } catch (error) {
    signal.throwIfAborted();
    if (deadline.aborted) throw refuse({link, socket, command}, `no complete answer within ${timeoutMs / 1000} s`);
    if (error instanceof DroverError) throw error;
    throw refuse({link, socket, command}, error instanceof Error ? error.message : String(error));
  }
}

/** As `askHaproxy`, for commands that change something: HAProxy says nothing when it obeys, and anything else is a failure. */
export async function commandHaproxy(request: HaproxyCommand): Promise<void> {
  const answer = (await askHaproxy(request)).trim();
  if (answer !== '') throw refuse(request, `answered "${excerptAnswer(answer)}"`);
}

/** The first line of an answer, short enough for a message. */
export function excerptAnswer(answer: string): string {
  const line = answer.trim().split('\n')[0] ?? '';
  return line.length > 120 ? `${line.slice(0, 120)}…` : line;
}

function refuse({link, socket, command}: Pick<HaproxyCommand, 'link' | 'socket' | 'command'>, fact: string): DroverError {
  return new DroverError({
    code: 'refused',
    host: link.host.name,
    message: `HAProxy on ${link.host.name} (${socket}), asked "${command}": ${fact}`,
    fix: 'check that drain.haproxy.socket names the stats socket of a running worker, with level admin',
  });
}

async function readAnswer(stream: Duplex, command: string, signal: AbortSignal): Promise<string> {
  const pieces: Buffer[] = [];
  let size = 0;
  const stop = () => stream.destroy(new Error('given up'));
  signal.addEventListener('abort', stop, {once: true});
  try {
    stream.end(`${command}\n`);
    for await (const piece of stream) {
      const bytes = Buffer.from(piece as Uint8Array);
      size += bytes.length;
      if (size > maxAnswerBytes) throw new Error(`the answer is longer than ${maxAnswerBytes} bytes`);
      pieces.push(bytes);
    }
  } finally {
    signal.removeEventListener('abort', stop);
    stream.destroy();
  }
  signal.throwIfAborted();
  const answer = Buffer.concat(pieces).toString('utf8');
  if (answer !== '\n' && !answer.endsWith('\n\n')) throw new Error(`the answer broke off after ${size} bytes`);
  return answer;
}

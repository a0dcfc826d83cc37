import {randomBytes} from 'node:crypto';
import {once} from 'node:events';
import type {Readable, Writable} from 'node:stream';
import {FramedStream} from './framed-stream.js';
import type {Link} from './link.js';
import {callVerb, describeCall, readReply, renderHeader, VerbError} from './verb-call.js';
import {verbCommand} from './verb-program.js';

/** Where a copy goes on a host. `merge`: a tree whose files go into a folder that may be there. */
export interface CopyTarget {
  /** Absolute, or below `~/`. */
  readonly path: string;
  readonly kind: 'file' | 'tree' | 'merge';
  /** SHA-256 and mode of a file. */
  readonly digest?: string;
  readonly mode?: number;
}

/** Proving a large tree and flushing it to a slow disk takes its time, and nothing is heard meanwhile. */
const silentMs = 15 * 60_000;
const stallMs = 60_000;

/** Whether the host has it already; throws where it cannot be put there. A tree is described by its manifest. */
export async function readTarget(link: Link, target: CopyTarget, manifest: Buffer, signal: AbortSignal): Promise<'same' | 'lacking'> {
  const {path, kind, digest, mode} = target;
  const body = await callVerb(link, {
    verb: 'read-target',
    values: {path, kind, digest, ...(mode === undefined ? {} : {mode: mode.toString(8)})},
    payload: manifest,
    signal,
    idleTimeoutMs: silentMs,
    totalTimeoutMs: 4 * silentMs,
  });
  return /^same$/m.test(body) ? 'same' : 'lacking';
}

/** Sends an archive of a manifest `m` and a tree `t`. Safe to repeat: what is cut leaves the target as it was. */
export async function putCopy(
  link: Link,
  {path, kind}: CopyTarget,
  archive: Readable,
  options: {totalMs: number; signal: AbortSignal},
): Promise<void> {
  try {
    await callVerb(link, {
      verb: 'copy-put',
      values: {path, kind},
      payload: archive,
      signal: options.signal,
      idleTimeoutMs: silentMs,
      totalTimeoutMs: options.totalMs,
    });
  } finally {
    archive.destroy();
  }
}

/** How tar ended on the host; `words` is the last that it said. */
export interface Fetched {
  readonly status: number;
  readonly words: string;
}

/**
 * Writes an archive of a file or tree of the host into `into`, no faster than that takes it, and ends it. Throws `VerbError`; `into` is destroyed then, since what
 * it got is no whole archive. A dry run writes nothing.
 */
export async function getCopy(link: Link, path: string, into: Writable, options: {totalMs: number; signal: AbortSignal}): Promise<Fetched> {
  const nonce = randomBytes(16).toString('hex');
  const call = {verb: 'copy-get', values: {path}, maxReplyBytes: 64 * 1024, signal: options.signal} as const;
  const frame = new FramedStream(nonce, (bytes) => void into.write(bytes));
  try {
    const result = await link.exec({
      command: verbCommand('copy-get'),
      label: describeCall(call),
      stdin: Buffer.from(renderHeader(nonce, call.values)),
      idleTimeoutMs: stallMs,
      totalTimeoutMs: options.totalMs,
      maxOutputBytes: call.maxReplyBytes,
      signal: options.signal,
      onOutput: (stream, piece) => {
        if (stream === 'stdout') frame.add(piece);
        return into.writableNeedDrain ? waitForRoom(into) : undefined;
      },
    });
    if (link.kind === 'printing') return {status: 0, words: ''};
    const status = frame.end();
    if (status === undefined) {
      const said = readReply(link, call, nonce, result);
      throw new VerbError(
        {code: 'needs-attention', message: `${link.host.name}: copy-get replied ${JSON.stringify(said.slice(0, 200))}`},
        'unexpected',
        said,
      );
    }
    into.end();
    return {status, words: result.stderr.toString('utf8').trim().split('\n').at(-1)?.slice(0, 300) ?? ''};
  } catch (error) {
    into.destroy(error instanceof Error ? error : new Error(String(error)));
    throw error;
  }
}

/** Also when nobody wants more. */
async function waitForRoom(into: Writable): Promise<void> {
  const over = new AbortController();
  const {signal} = over;
  try {
    await Promise.race([once(into, 'drain', {signal}), once(into, 'close', {signal})]);
  } catch {
    // What broke it is told by whoever reads it.
  } finally {
    over.abort();
  }
}

import type {Readable} from 'node:stream';
import tar from 'tar-stream';
import {DroverError} from '../errors/drover-error.js';
import {readErrorCode} from './error-code.js';
import {openCompressed} from './tar-compression.js';
import {checkFraming} from './tar-framing.js';
import {refuseTar, type TarLimits} from './tar-problem.js';
import {TarTarget} from './tar-target.js';

export interface UnpackTarOptions {
  /** The archive, plain or gzipped. It is read to its end. */
  readonly stream: Readable;
  /** An empty, private directory. */
  readonly into: string;
  /** Begins the messages. */
  readonly name: string;
  /** Only what lies below this path is taken, and its paths begin there. */
  readonly below?: string;
  /** Links that are absolute or lead out of the tree are left out, with a warning, instead of refused or kept for others to judge. */
  readonly leaveOutLinks?: boolean;
  readonly limits: TarLimits;
  readonly signal: AbortSignal;
}

/**
 * Unpacks an archive of files, folders and links by a grammar of its own; anything else in it is refused by name (`invalid-source`), and
 * what was unpacked before that stays in `into`. Links are made last, so nothing is ever written through one; modes are set whatever the umask.
 * Folders stay writable for their owner. Returns warnings.
 */
export async function unpackTar({
  stream,
  into,
  name,
  below,
  leaveOutLinks = false,
  limits,
  signal,
}: UnpackTarOptions): Promise<readonly string[]> {
  const target = new TarTarget({into, name, below, leaveOutLinks});
  const extract = tar.extract();
  const feeding = feed(checkFraming(openCompressed(stream, name), {name, limits}), extract, signal);
  // The reason is thrown below; nobody else listens.
  feeding.catch(() => undefined);
  try {
    for await (const entry of extract) {
      signal.throwIfAborted();
      await target.take(entry.header, entry as AsyncIterable<Uint8Array>);
    }
    await feeding;
    target.finish();
  } catch (error) {
    stream.destroy();
    signal.throwIfAborted();
    if (error instanceof DroverError || readErrorCode(error) !== undefined) throw error;
    throw refuseTar(name, `cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  return target.warnings.list();
}

async function feed(pieces: AsyncIterable<Buffer>, extract: tar.Extract, signal: AbortSignal): Promise<void> {
  try {
    for await (const piece of pieces) {
      signal.throwIfAborted();
      if (!extract.write(piece)) await drained(extract);
    }
    extract.end(undefined);
  } catch (error) {
    extract.destroy(error instanceof Error ? error : new Error(String(error)));
    throw error;
  }
}

/** Also when it is given up meanwhile. */
function drained(extract: tar.Extract): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      extract.off('drain', settle);
      extract.off('close', stop);
      resolve();
    };
    const stop = (): void => reject(new Error('the archive was given up'));
    extract.once('drain', settle);
    extract.once('close', stop);
  });
}

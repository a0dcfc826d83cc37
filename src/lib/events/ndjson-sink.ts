import {constants, open} from 'node:fs/promises';
import type {Writable} from 'node:stream';
import {finished} from 'node:stream/promises';
import {DroverError} from '../errors/drover-error.js';
import type {Sink} from './event.js';
import {formatEventLine} from './event-line.js';

/**
 * Writes every event as a line to a stream that somebody else owns (standard output). `accept` resolves when the
 * stream has taken the line and rejects when it is closed or broken (`EPIPE`); `close` leaves the stream open.
 */
export function createStreamSink(stream: Writable): Sink {
  const ignore = (): void => undefined; // each failed write reports the error by itself; without a listener it would end the process
  stream.on('error', ignore);
  return {
    accept: (event) =>
      new Promise((resolve, reject) => {
        stream.write(formatEventLine(event), (error) => (error ? reject(error) : resolve()));
      }),
    close: () => {
      stream.off('error', ignore);
      return Promise.resolve();
    },
  };
}

/** Appends every event as a line to `file`, which is made for its owner alone. Throws `usage` when it cannot be opened. */
export async function openFileSink(file: string): Promise<Sink> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND;
  const handle = await open(file, flags, 0o600).catch((reason: unknown) => {
    const why = reason instanceof Error ? reason.message : String(reason);
    throw new DroverError({
      code: 'usage',
      message: `events cannot be written to ${JSON.stringify(file)}: ${why}`,
      file,
      fix: 'name a file that can be written, or - for standard output',
    });
  });
  const stream = handle.createWriteStream();
  const ended = finished(stream);
  ended.catch(() => undefined); // told by `close`
  return {
    ...createStreamSink(stream),
    close: async () => {
      stream.end();
      await ended;
    },
  };
}

import {DroverError} from '../errors/drover-error.js';

/** An archive that is refused: `what` is the end of a sentence that starts with its name. */
export function refuseTar(name: string, what: string, fix = 'make the archive again'): DroverError {
  return new DroverError({code: 'invalid-source', message: `${name} ${what}`, fix});
}

/** What an archive may hold at most: a few kilobytes of it can claim anything. */
export interface TarLimits {
  readonly maxEntries: number;
  /** Bytes of all files. */
  readonly maxBytes: number;
}

import type {ErrorCode} from '../errors/codes.js';
import {DroverError} from '../errors/drover-error.js';
import {VerbError} from '../host/verb-call.js';

/** The release itself failed on a host: its restart, its health or its warming. */
export class ReleaseFailure extends DroverError {}

/** Who is to blame for a failed step. Bugs are thrown on. */
export function blameFor(error: unknown): {readonly blame: 'release' | 'host' | 'fenced'; readonly code: ErrorCode} {
  if (error instanceof ReleaseFailure) return {blame: 'release', code: error.code};
  if (error instanceof VerbError && error.failure === 'fenced') return {blame: 'fenced', code: 'leased'};
  if (error instanceof DroverError) return {blame: 'host', code: error.code};
  throw error;
}

import {DroverError} from '../errors/drover-error.js';

/** Nobody talks to this host now, so it serves nobody that could be asked for: reading it as `down` is what its balancer sees. */
export function isOutOfReach(error: unknown): boolean {
  return error instanceof DroverError && (error.code === 'unreachable' || error.code === 'authentication' || error.code === 'host-key');
}

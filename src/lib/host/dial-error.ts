import {DroverError} from '../errors/drover-error.js';
import type {Host} from '../inventory/host.js';
import type {DialTarget} from './link.js';

/** A socket on the host that did not open. */
export function dialError(host: Host, target: DialTarget, words: string): DroverError {
  const where = target.kind === 'tcp' ? `${target.host}:${target.port}` : target.path;
  return new DroverError({code: 'unreachable', message: `${host.name}: cannot open ${where} on the host: ${words}`, host: host.name});
}

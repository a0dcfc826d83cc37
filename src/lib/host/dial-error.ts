import {DroverError} from '../errors/drover-error.js';
import type {Host} from '../inventory/host.js';
import type {DialTarget} from './link.js';

/** `host:port`, with brackets around an IPv6 address, or the path. */
export function nameTarget(target: DialTarget): string {
  if (target.kind === 'unix') return target.path;
  return `${target.host.includes(':') ? `[${target.host}]` : target.host}:${target.port}`;
}

/** A socket on the host that did not open. */
export function dialError(host: Host, target: DialTarget, words: string): DroverError {
  return new DroverError({
    code: 'unreachable',
    message: `${host.name}: cannot open ${nameTarget(target)} on the host: ${words}`,
    host: host.name,
  });
}

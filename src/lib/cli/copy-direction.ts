import path from 'node:path';
import {DroverError} from '../errors/drover-error.js';

/** Which way a copy goes. `hosts` is what stands before the colon; empty where flags say it. */
export interface CopyDirection {
  readonly kind: 'to' | 'from';
  readonly hosts: string;
  readonly source: string;
  readonly target: string;
}

/** `HOSTS:/path` or `:~/path`: the colon comes before every slash, so that `./a:/b` lies here. */
const remote = /^([^/]*?):(~?\/.*)$/s;

/** Reads the two ends of a copy: one of them is on hosts. A target there may end with a slash, for `completeTarget`. Throws `usage`. */
export function readDirection(source: string, target: string): CopyDirection {
  const [from, to] = [remote.exec(source), remote.exec(target)];
  if (from !== null && to !== null) throw refuse('both ends are on hosts', 'copy from them first, then to the others');
  if (from !== null) {
    const place = (from[2] ?? '').replace(/\/+$/, '');
    judgePath(place);
    if (target === '') throw refuse('the folder to copy into has no name', 'name one');
    return {kind: 'from', hosts: from[1] ?? '', source: place, target};
  }
  if (to === null) {
    throw refuse(
      `neither ${JSON.stringify(source)} nor ${JSON.stringify(target)} is on hosts`,
      'write HOSTS:/path, or :/path beside --hosts, --silo, --role or --all',
    );
  }
  if (source === '') throw refuse('the source has no name', 'name a file or a folder');
  const place = to[2] ?? '';
  if (!place.endsWith('/')) judgePath(place);
  return {kind: 'to', hosts: to[1] ?? '', source, target: place};
}

/** Where a source of this name comes to lie: with a slash at its end the target is a folder for it. */
export function completeTarget(target: string, name: string): string {
  const whole = target.endsWith('/') ? `${target}${name}` : target;
  judgePath(whole);
  return whole;
}

function judgePath(place: string): void {
  if (/\p{Cc}/u.test(place)) throw refuse(`the path ${JSON.stringify(place)} contains a control character`, 'rename it');
  const name = path.posix.basename(place);
  if (place === '' || place === '~' || name === '' || name === '.' || name === '..') {
    throw refuse(`${JSON.stringify(place === '' ? '/' : place)} names neither a file nor a folder`, 'name what is to be copied');
  }
}

function refuse(message: string, fix: string): DroverError {
  return new DroverError({code: 'usage', message, fix});
}

import {DroverError} from '../errors/drover-error.js';

/** The start of a release id, as typed. Nothing but hex digits ever gets further. */
export function readReleasePrefix(text: string | undefined): string | undefined {
  if (text === undefined || /^[0-9a-f]{4,64}$/.test(text)) return text;
  const message = /^[0-9a-f]*$/.test(text) ? `release id "${text}" is too short` : `release id may hold only [0-9a-f], got "${text}"`;
  throw new DroverError({code: 'usage', message, fix: 'give 4 to 64 hex digits'});
}

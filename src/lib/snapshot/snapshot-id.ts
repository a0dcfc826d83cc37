import {DroverError} from '../errors/drover-error.js';
import type {SnapshotId} from './manifest.js';

function refuse(message: string, fix: string): DroverError {
  return new DroverError({code: 'usage', message, fix});
}

function requireDigits(text: string): void {
  if (!/^[0-9a-f]*$/.test(text)) {
    throw refuse(`snapshot id may hold only [0-9a-f], got ${JSON.stringify(text)}`, 'copy the id from the output of drover status');
  }
}

/** A full id: 64 digits. */
export function parseSnapshotId(text: string): SnapshotId {
  requireDigits(text);
  if (text.length !== 64) throw refuse(`snapshot id must have 64 digits, got "${text}" (${text.length})`, 'give the whole id');
  return text as SnapshotId;
}

/** The start of an id: 4 to 64 digits. */
export function parseIdPrefix(text: string): string {
  requireDigits(text);
  if (text.length < 4) throw refuse(`snapshot id needs at least 4 digits, got "${text}"`, 'give more digits');
  if (text.length > 64) throw refuse(`snapshot id has at most 64 digits, got ${text.length}`, 'give the id as it was printed');
  return text;
}

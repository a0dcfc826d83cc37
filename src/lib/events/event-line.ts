import {DroverError} from '../errors/drover-error.js';
import type {DroverEvent} from './event.js';

/** One event as one line of NDJSON, line break included. */
export function formatEventLine(event: DroverEvent): string {
  return `${JSON.stringify(event)}\n`;
}

function isEvent(value: unknown): value is DroverEvent {
  if (typeof value !== 'object' || value === null) return false;
  const {seq, at, run, kind} = value as Record<string, unknown>;
  return typeof seq === 'number' && typeof at === 'string' && typeof run === 'string' && typeof kind === 'string';
}

function readVersion(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>).v : undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Reads one line of a journal; `file` and the 1-based `line` are for the error. Throws `invalid-file`. */
export function parseEventLine(text: string, {file, line}: {readonly file: string; readonly line: number}): DroverEvent {
  const value = parseJson(text);
  const version = readVersion(value);
  if (typeof version === 'number' && version !== 1) {
    throw new DroverError({
      code: 'invalid-file',
      message: `the journal holds an event of version ${version}, and this drover knows version 1`,
      file,
      line,
      fix: 'read it with the drover that wrote it, or a newer one',
    });
  }
  if (version === 1 && isEvent(value)) return value;
  throw new DroverError({
    code: 'invalid-file',
    message: `the journal holds a line that is not an event: ${JSON.stringify(text.slice(0, 60))}`,
    file,
    line,
    fix: 'move the run directory aside; the hosts hold the truth: drover status',
  });
}

/**
 * The events of a journal's text. A last line without a line break was being written when its writer died: nothing
 * was done on its word, so it is left out and told as `torn`.
 */
export function parseEventLines(text: string, file: string): {readonly events: readonly DroverEvent[]; readonly torn: boolean} {
  const lines = text.split('\n');
  const rest = lines.pop();
  return {
    events: lines.map((line, index) => parseEventLine(line, {file, line: index + 1})),
    torn: rest !== undefined && rest !== '',
  };
}

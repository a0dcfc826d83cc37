import {DroverError} from '../errors/drover-error.js';

declare const brand: unique symbol;

/** `20261121-093012-7f3a`: start in UTC, then four digits of base 36. Sorts by time; safe as a file name and a shell word. */
export type RunId = string & {readonly [brand]: 'RunId'};

const grammar = /^(\d{4})(\d{2})(\d{2})-(\d{2})(\d{2})(\d{2})-[0-9a-z]{4}$/;

/** `now` in milliseconds since the epoch, `random` in [0, 1). */
export function createRunId({now, random}: {readonly now: () => number; readonly random: () => number}): RunId {
  const digits = new Date(now()).toISOString().replace(/\D/g, '');
  const tail = Math.floor(random() * 36 ** 4)
    .toString(36)
    .padStart(4, '0');
  return `${digits.slice(0, 8)}-${digits.slice(8, 14)}-${tail}` as RunId;
}

function isMoment(parts: readonly string[]): boolean {
  const [year, month, day, hour, minute, second] = parts;
  const date = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(`${year}-${month}-${day}T`);
}

/** Whether `text` is a run id; for telling run directories from other files. */
export function isRunId(text: string): text is RunId {
  const match = grammar.exec(text);
  return match !== null && isMoment(match.slice(1));
}

/** Throws `usage` for anything that `createRunId` cannot have made. */
export function parseRunId(text: string): RunId {
  if (isRunId(text)) return text;
  throw new DroverError({
    code: 'usage',
    message: `run id ${JSON.stringify(text)} is not a date, a time and four characters, as in 20261121-093012-7f3a`,
    fix: 'drover history lists the runs',
  });
}

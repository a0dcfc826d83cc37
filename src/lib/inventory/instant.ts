import {DroverError} from '../errors/drover-error.js';
import {parseDuration} from './duration.js';

const dayMs = 86_400_000;
const grammar = /^(\d{4})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.\d{1,3})?)?(?:Z|[+-](?:[01]\d|2[0-3]):?[0-5]\d)$/;

/**
 * A moment: `2026-01-01T09:00:00+01:00`, `2026-01-01 08:00Z`, or counted from now: `+90m`, `+2d`. A time without a zone is refused: nobody agrees
 * on whose it is. In milliseconds since 1970. Throws `usage`; `name` (`--embargo-until`) begins the message.
 */
export function parseInstant(text: string, name: string, nowMs: number): number {
  const days = /^\+(\d{1,4})d$/.exec(text)?.[1];
  if (days !== undefined) return nowMs + Number(days) * dayMs;
  if (text.startsWith('+')) return nowMs + parseDuration(text.slice(1), name);
  const match = grammar.exec(text);
  const momentMs = match === null ? Number.NaN : Date.parse(text.replace(' ', 'T'));
  const [, year, month, day] = match ?? [];
  const isDay = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day))).getUTCDate() === Number(day);
  if (Number.isNaN(momentMs) || !isDay) {
    throw new DroverError({
      code: 'usage',
      message: `${name} must be a time with its zone, or + and a duration, got ${JSON.stringify(text)}`,
      fix: 'for example 2026-01-01T09:00+01:00 or +2h',
    });
  }
  return momentMs;
}

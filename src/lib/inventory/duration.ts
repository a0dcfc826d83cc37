import {DroverError} from '../errors/drover-error.js';

const unitMs = {ms: 1, s: 1000, m: 60_000, h: 3_600_000} as const;

/** The longest delay a timer of Node can hold, in whole hours. */
const maxHours = 596;

/**
 * `500ms`, `30s`, `2m`, `1h` in milliseconds, at most 596h. A number without a unit is refused: nobody agrees on what it means.
 * Throws `usage`; `name` (`--timeout`, `soak`) begins the message.
 */
export function parseDuration(text: string, name = 'duration'): number {
  const match = /^(\d{1,12})(ms|s|m|h)$/.exec(text);
  if (!match) throw new DroverError({code: 'usage', message: `${name} needs a unit, for example 5s or 2m, got ${JSON.stringify(text)}`});
  const durationMs = Number(match[1]) * unitMs[match[2] as keyof typeof unitMs];
  if (durationMs > maxHours * unitMs.h) {
    throw new DroverError({code: 'usage', message: `${name} must be at most ${maxHours}h, got ${JSON.stringify(text)}`});
  }
  return durationMs;
}

/** The shortest text that `parseDuration` reads as this many milliseconds. */
export function formatDuration(durationMs: number): string {
  for (const unit of ['h', 'm', 's'] as const) {
    if (durationMs > 0 && durationMs % unitMs[unit] === 0) return `${durationMs / unitMs[unit]}${unit}`;
  }
  return durationMs === 0 ? '0s' : `${durationMs}ms`;
}

import {DroverError} from '../errors/drover-error.js';
import {parseInstant} from '../inventory/instant.js';

/**
 * The time of a switch, in the grammar of every moment: it is to come, and in whole seconds, since not every host knows others. `+10m` is
 * rounded up. Milliseconds since the epoch. Throws `usage`.
 */
export function parseSwitchTime(text: string, nowMs: number, name = '--at'): number {
  const timeMs = parseInstant(text, name, nowMs);
  if (text.startsWith('+')) return Math.ceil(timeMs / 1000) * 1000;
  if (timeMs <= nowMs) {
    throw new DroverError({
      code: 'usage',
      message: `${name} ${text} has passed, it is ${new Date(nowMs).toISOString().slice(0, 19)}Z`,
      fix: 'name a time to come, or leave it out to deploy now',
    });
  }
  if (timeMs % 1000 !== 0) throw new DroverError({code: 'usage', message: `${name} ${text} must be in whole seconds`});
  return timeMs;
}

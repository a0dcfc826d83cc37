import {Flags} from '@oclif/core';
import {DroverError} from '../errors/drover-error.js';
import type {TimeRequest} from '../operations/plan-timed.js';
import {duration} from './shared-flags.js';
import {parseSwitchTime} from './switch-time.js';

const defaultBoundMs = 250;

export const timeFlags = {
  at: Flags.string({
    description: 'prepare everything, then switch all hosts of a wave at this time: 2026-01-01T00:00:00Z, or +10m',
    helpValue: 'TIME',
    helpGroup: 'TIME',
  }),
  'wave-gap': duration({
    description: 'with --at: time from one wave to the next, 0s for all hosts at once [default: what the gate of a wave may take]',
    helpValue: 'DURATION',
    helpGroup: 'TIME',
  }),
  'clock-bound': duration({
    description: `with --at: how far the clock of a host may be off [default: ${defaultBoundMs}ms]`,
    helpValue: 'DURATION',
    helpGroup: 'TIME',
  }),
};

/** What `--at` and its companions ask for; undefined without `--at`. Throws `usage`. */
export function readTimeFlags(
  flags: {readonly at?: string | undefined; readonly 'wave-gap'?: number | undefined; readonly 'clock-bound'?: number | undefined},
  nowMs = Date.now(),
): TimeRequest | undefined {
  const {at, 'wave-gap': gapMs, 'clock-bound': boundMs} = flags;
  if (at === undefined) {
    const alone = gapMs !== undefined ? '--wave-gap' : boundMs !== undefined ? '--clock-bound' : undefined;
    if (alone === undefined) return undefined;
    throw new DroverError({code: 'usage', message: `${alone} means nothing without --at`, fix: 'give the time with --at'});
  }
  if (gapMs !== undefined && gapMs % 1000 !== 0) {
    throw new DroverError({code: 'usage', message: `--wave-gap must be whole seconds, got ${gapMs}ms`});
  }
  if (boundMs === 0)
    throw new DroverError({code: 'usage', message: '--clock-bound 0s would refuse every clock', fix: 'give it at least some milliseconds'});
  return {timeMs: parseSwitchTime(at, nowMs), gapMs, clockBoundMs: boundMs ?? defaultBoundMs};
}

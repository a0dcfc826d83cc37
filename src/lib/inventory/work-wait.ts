import type {WorkEnding} from './app.js';
import {formatDuration} from './duration.js';

interface WorkWaitInput {
  wait?: number | undefined;
  then?: string | undefined;
  longest?: number | undefined;
}

const waitByDefault = 300_000;
const longestByDefault = 3_600_000;

/** Refuses a wait that cannot be meant. */
export function checkWorkWait(
  {wait = waitByDefault, then = 'abort', longest}: WorkWaitInput,
  refuse: (key: string, fact: string, fix: string) => void,
): void {
  if (longest !== undefined && then !== 'wait')
    refuse('longest', `longest has no meaning with "then: ${then}"`, 'remove it, or write "then: wait"');
  else if (then === 'wait' && (longest ?? longestByDefault) < wait)
    refuse(
      longest === undefined ? 'wait' : 'longest',
      `longest is ${formatDuration(longest ?? longestByDefault)}, shorter than wait, ${formatDuration(wait)}`,
      'raise longest',
    );
}

/** Five minutes, and then the host is given up, where nothing is said. */
export function readWorkWait({wait = waitByDefault, then, longest = longestByDefault}: WorkWaitInput): Omit<WorkEnding, 'intake'> {
  if (then === 'wait') return {waitMs: wait, then, longestMs: longest};
  return {waitMs: wait, then: then === 'go' ? then : 'abort'};
}

/** How long what is in flight on a worker may take, at the most. */
export function boundWorkMs({waitMs, longestMs = waitMs}: Omit<WorkEnding, 'intake'>): number {
  return Math.max(waitMs, longestMs);
}

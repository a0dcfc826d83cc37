import {DroverError} from '../errors/drover-error.js';
import {formatDuration} from '../inventory/duration.js';
import {boundWorkMs} from '../inventory/work-wait.js';
import type {Worker} from './worker-role.js';

/** How the intake of one worker is stopped. */
export interface Stop {
  /** Shell text by which its host resumes it alone. */
  readonly resume: string;
  /** Where a channel is paused: others have it, too. */
  readonly isShared: boolean;
  readonly origins?: readonly string[];
  /** Gives what was left in flight: `some` where nobody can count it. */
  readonly pause: () => Promise<number | 'some'>;
}

export function refuseLeft({host, role, work}: Worker, left: number | 'some'): DroverError {
  return new DroverError({
    code: 'refused',
    host: host.name,
    message: `${host.name} still has ${describeLeft(left)} after ${formatDuration(boundWorkMs(work))}, and endings.${role}.then is "${work.then}"`,
    fix: `raise endings.${role}.${work.then === 'wait' ? 'longest' : 'wait'}, or write then: go`,
  });
}

export function describeLeft(left: number | 'some'): string {
  return left === 'some' ? 'work in flight' : `${left} ${left === 1 ? 'message' : 'messages'} in flight`;
}

import {type ErrorCode, type ExitStatus, errorCodes} from '../errors/codes.js';
import type {Happening} from '../events/event.js';
import type {World} from './world.js';

export type RunEnded = Extract<Happening, {kind: 'run-ended'}>;

/** What an operation gives back: how the run ended, and what to tell the shell. */
export interface RunEnd {
  readonly outcome: RunEnded['outcome'];
  readonly exit: ExitStatus;
  readonly next?: string;
}

/** The exit status of an outcome; a refusal keeps the status of its reason. */
export function exitOf(outcome: RunEnded['outcome'], code: ErrorCode | undefined): ExitStatus {
  switch (outcome) {
    case 'converged':
      return 0;
    case 'rolled-back':
      return 7;
    case 'needs-attention':
      return 8;
    case 'interrupted':
      return 130;
    case 'refused':
      return code === undefined ? 4 : errorCodes[code].exit;
  }
}

/** Last event of every run. */
export async function endRun(
  world: World,
  startedMs: number,
  outcome: RunEnded['outcome'],
  more: {code?: ErrorCode; next?: string} = {},
): Promise<RunEnd> {
  const exit = exitOf(outcome, more.code);
  const next = more.next === undefined ? {} : {next: more.next};
  await world.emit({kind: 'run-ended', outcome, exit, ms: world.now() - startedMs, ...next});
  return {outcome, exit, ...next};
}

/** What goes wrong with one call of an operator: to a host, or to the balancers. */
export type FaultKind =
  | 'lose-request'
  | 'lose-reply'
  /** Lost for the operator, and carried out 100 s later. */
  | 'late'
  | 'kill-before'
  | 'kill-after'
  /** The operator dies, and what it had asked for happens after its lease has run out. */
  | 'kill-late'
  | 'power-cut'
  | 'disk-full'
  /** The operator stops for ten minutes once the request is on its way, and then goes on. */
  | 'freeze'
  | 'host-away'
  | 'interrupt';

export const faultKinds: readonly FaultKind[] = [
  'lose-request',
  'lose-reply',
  'late',
  'kill-before',
  'kill-after',
  'kill-late',
  'power-cut',
  'disk-full',
  'freeze',
  'host-away',
  'interrupt',
];

export interface Fault {
  /** Which call of its operator, from 1. */
  readonly nth: number;
  readonly kind: FaultKind;
  /** With `power-cut` and `disk-full`: at which write of the verb. */
  readonly write?: number;
}

export type Command = 'deploy' | 'other-deploy' | 'rollback' | 'resume' | 'prune';

export interface Actor {
  readonly command: Command;
  readonly startMs: number;
  readonly faults: readonly Fault[];
  /** Names of the silos that it selects; all where nothing is said. */
  readonly silos?: readonly string[];
  /** Begins when the actors before it have ended, `startMs` later. */
  readonly isAfter?: boolean;
  readonly waitLeaseMs?: number;
}

/** A whole world and all that happens in it, as plain data: the same schedule, the same trace. */
export interface Schedule {
  readonly seed: number;
  readonly silos: readonly number[];
  readonly floor: number;
  readonly budget: number;
  readonly soakMs: number;
  readonly confirmMs: number;
  readonly isDrained: boolean;
  /** Hosts on which the new release is not healthy. */
  readonly badOn: readonly string[];
  readonly actors: readonly Actor[];
}

/** A fleet with little that is special: hosts of one silo, all must serve but one. */
export function plainSchedule(actors: readonly Actor[], more: Partial<Schedule> = {}): Schedule {
  return {seed: 1, silos: [3], floor: 2, budget: 0, soakMs: 0, confirmMs: 300_000, isDrained: true, badOn: [], ...more, actors};
}

/** One line that `--schedule` takes. */
export function describeSchedule(schedule: Schedule): string {
  return JSON.stringify(schedule);
}

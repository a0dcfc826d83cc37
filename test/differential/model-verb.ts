import type {ModelRun, ModelState} from './model-state.js';
import type {VerbInput} from './verb-input.js';

/** How a verb ends: the name of its failure or `done`, and the lines of its reply. */
export interface Ending {
  readonly how: string;
  readonly lines: readonly string[];
}

/** A verb changes the state step by step; each `yield` is a place where it may be killed. */
export type ModelVerb = Generator<void, Ending, void>;

export const done = (...lines: string[]): Ending => ({how: 'done', lines});

/** Ends a verb of the model early, as `fail` does in the shell. */
export class ModelFailure extends Error {
  constructor(
    readonly how: string,
    readonly lines: readonly string[] = [],
  ) {
    super(how);
  }
}

export function leaseLines({lease}: ModelState): string[] {
  if (lease === undefined) return [];
  return [`lease-run ${lease.run}`, `lease-owner ${lease.owner}`, `lease-reason ${lease.reason}`, `lease-epoch ${lease.epoch}`];
}

export function openRun(state: ModelState, run: string): ModelRun {
  state.runs[run] ??= {};
  return state.runs[run];
}

export function record(state: ModelState, {run, epoch}: Pick<VerbInput, 'run' | 'epoch'>, event: string, detail = ''): void {
  state.journal.push(`${epoch ?? 0} ${run ?? ''} ${event} ${detail}`);
}

export function isHolder({epoch, lease}: ModelState, input: VerbInput): boolean {
  return epoch === input.epoch && lease?.run === input.run && lease?.epoch === input.epoch;
}

export function requireLease(state: ModelState, input: VerbInput): void {
  if (!isHolder(state, input)) throw new ModelFailure('fenced', leaseLines(state));
}

export function writePin(state: ModelState, release: string, {run = '', id = '-', detail = ''}: VerbInput): void {
  if (state.pins.some((pin) => pin.release === release)) return;
  state.pins.push({release, run, snapshot: id, owner: state.lease?.owner ?? '', why: detail});
}

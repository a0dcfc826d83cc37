import type {Sink} from '../events/event.js';

/** What people see of a run. */
export interface Reporter extends Sink {
  /** Says something between the events. `asked`: a person has pressed Enter for it, which has moved the cursor down. */
  say(lines: readonly string[], asked?: 'asked'): void;
}

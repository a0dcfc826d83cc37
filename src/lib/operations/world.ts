import type {Emit} from '../events/event.js';
import type {LinkOpener} from '../host/link.js';
import type {Project} from '../inventory/app.js';
import type {Inventory} from '../inventory/host.js';

/** All that an operation may touch. Made by `cli` for each run; tests make their own. */
export interface World {
  readonly project: Project;
  readonly inventory: Inventory;
  readonly links: LinkOpener;
  readonly emit: Emit;
  /** Id of this run. */
  readonly run: string;
  /** `user@machine`. */
  readonly operator: string;
  /** Why this run happens, in the operator's words; may be empty. */
  readonly reason: string;
  /** Hosts worked on at once. */
  readonly concurrency: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** In [0, 1). */
  readonly random: () => number;
  /** First Ctrl-C: finish or undo what is in hand, start nothing more. */
  readonly interrupted: AbortSignal;
  /** Second Ctrl-C: abandon. */
  readonly signal: AbortSignal;
}

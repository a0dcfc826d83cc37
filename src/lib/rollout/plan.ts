import type {Step, WavePlan} from '../events/event.js';

/** What a run intends for one host. `from`: what it serves now; undefined before its first deploy. */
export interface PlannedHost {
  readonly name: string;
  readonly silo: string;
  readonly from?: string;
  readonly to: string;
  /**
   * In a resumed run, what an earlier part of it did here. `begun`: it changed the host, or may have. `done`: the host has arrived; it is
   * leased so that it can go back with the others, and not moved again.
   */
  readonly earlier?: 'begun' | 'done';
  /** In a rollback: what it leaves turned out bad, and is pinned out as this snapshot. */
  readonly pinsOut?: string;
}

/** Hosts that stand in for one another, because they hold the same: at least `least` of them stay in rotation while one is out for its move. */
export interface Holders {
  readonly least: number;
  /** How many others must serve it before a host gives it up for good; undefined: `least`. */
  readonly copies?: number;
  readonly before: readonly string[];
  /** Who holds it once moved, where that differs. */
  readonly after?: readonly string[];
}

/** `before`: ahead of the first host's move. `after`: when every host of the app has converged. */
export type OnceTask = 'before' | 'after';

/** Commands that run on one host, once per run, whoever carries the run on. */
export interface OncePlan {
  readonly before?: string;
  readonly after?: string;
  readonly deadlineMs: number;
  /** Who may run them, in the order in which they are asked. */
  readonly hosts: readonly string[];
  /** In a resumed run: where an earlier part of it has begun a task. Nobody else runs it then. */
  readonly begun?: Readonly<Partial<Record<OnceTask, string>>>;
  /** In a resumed run: tasks of which nothing is left to do. */
  readonly done?: readonly OnceTask[];
  /** In a resumed run: a task whose earlier tries are put aside, as the operator said. */
  readonly again?: OnceTask;
}

/** The steps a host goes through, in order. */
export type MoveStep = Extract<Step, 'drain' | 'arm' | 'switch' | 'restart' | 'health' | 'warm' | 'admit' | 'confirm' | 'revert'>;

export type Direction = 'forward' | 'back';

/** What a reviewed plan is held to on every host. */
export interface Review {
  /** A host takes the plan of this nonce up once. */
  readonly nonce: string;
  /** Of the plan file. */
  readonly digest: string;
  readonly author: string;
  readonly approvedBy: readonly string[];
  /** ISO 8601, UTC: no wave begins later. */
  readonly expires: string;
  /** The epoch that each host must still have. */
  readonly epochs: Readonly<Record<string, number>>;
}

/** Workers that are paused while they move, in words. */
export interface PlannedPause {
  readonly role: string;
  readonly how: string;
  readonly hosts: readonly string[];
}

/** When the first wave of a timed deploy switches; later ones follow by their offsets. */
export interface Appointment {
  /** ISO 8601, UTC, whole seconds. */
  readonly time: string;
  /** A host whose clock is further from the operator's than this is not trusted to switch by it. */
  readonly clockBoundMs: number;
}

/**
 * Everything a run will do, decided before it changes anything. Plain data: it is shown, digested, and left on each host, so that any
 * machine can resume.
 */
export interface RolloutPlan {
  readonly v: 1;
  readonly run: string;
  readonly command: 'deploy' | 'rollback';
  readonly app: string;
  readonly operator: string;
  readonly reason: string;
  /** Hosts that will change. */
  readonly hosts: readonly PlannedHost[];
  readonly waves: readonly WavePlan[];
  /** Hosts that must stay healthy and in rotation, per silo. */
  readonly floors: Readonly<Record<string, number>>;
  /** Where content is shared out: of each of these sets enough stay in rotation, whatever the floors allow. */
  readonly holders?: readonly Holders[];
  /** What the releases of the hosts are parts of, where content is shared out. */
  readonly snapshot?: string;
  /** Hosts that the run may lose. */
  readonly budget: number;
  readonly soakMs: number;
  readonly confirmMs: number;
  /** Set when the hosts of a wave switch at one time, by their own clocks. */
  readonly at?: Appointment;
  /** Where roles have an order: the hosts of each, in the order of the way forward. On the way back the last ones go first. */
  readonly order?: readonly (readonly string[])[];
  /** Where workers are paused for their move. */
  readonly pauses?: readonly PlannedPause[];
  /** What runs once. */
  readonly once?: OncePlan;
  /** The way forward for each host; the way back follows from it. `switch` is always among them. */
  readonly steps: readonly MoveStep[];
  /** Set when a run is resumed on its way back: it only goes back. */
  readonly back?: string;
  /** Set with it where the run had pinned its release out: why. */
  readonly pinned?: string;
  /** Set when the plan was reviewed as a file. */
  readonly review?: Review;
  /** Safeties that were left out, by the names of their flags; `allow-pinned` is one of them. */
  readonly unsafe?: readonly string[];
}

/** The way back: the same steps, with `revert` for `switch`, without arming anything, and without warming or confirming what served before. */
export function stepsBack(steps: readonly MoveStep[]): readonly MoveStep[] {
  return steps.flatMap((step): readonly MoveStep[] => {
    if (step === 'switch') return ['revert'];
    return step === 'arm' || step === 'warm' || step === 'confirm' ? [] : [step];
  });
}

export function stepsOf(plan: RolloutPlan, direction: Direction): readonly MoveStep[] {
  return direction === 'forward' ? plan.steps : stepsBack(plan.steps);
}

/** The waves under way: one, or in a timed deploy all that switch together with it. */
export function openWaves({plan, wave}: {readonly plan: RolloutPlan; readonly wave: number}): readonly WavePlan[] {
  const open = plan.waves[wave];
  if (open === undefined) return [];
  return plan.at === undefined ? [open] : plan.waves.filter((each) => each.offsetMs === open.offsetMs);
}

export function silosOf(plan: RolloutPlan): readonly string[] {
  return [...new Set(plan.hosts.map((host) => host.silo))];
}

/** A host of the plan. Asking for another one is a bug. */
export function plannedHost(plan: RolloutPlan, name: string): PlannedHost {
  const host = plan.hosts.find((each) => each.name === name);
  if (host === undefined) throw new Error(`${name} is not in the plan`);
  return host;
}

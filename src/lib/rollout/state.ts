import type {ErrorCode} from '../errors/codes.js';
import type {Happening} from '../events/event.js';
import type {HostStage} from './host-stage.js';
import type {Direction, MoveStep, OnceTask, RolloutPlan} from './plan.js';

export type Phase = 'leasing' | 'task' | 'waiting' | 'rolling' | 'soaking' | 'reverting' | 'releasing' | 'ended';

/** Why a run stopped going forward. The first reason stands, unless a later one turns the run round or takes a host away. */
export interface Stop {
  readonly kind:
    | 'leased'
    | 'unreachable'
    | 'stale'
    | 'floor'
    | 'release'
    | 'budget'
    | 'interrupted'
    | 'fenced'
    | 'late'
    | 'expired'
    | 'task';
  readonly why: string;
  readonly code: ErrorCode;
}

export interface RolloutState {
  readonly plan: RolloutPlan;
  readonly phase: Phase;
  /** Index of the wave under way. */
  readonly wave: number;
  readonly hosts: ReadonlyMap<string, HostStage>;
  /** Hosts whose lease we hold. */
  readonly leased: ReadonlySet<string>;
  /** Silos whose rotation was asked for and not answered yet, with the hosts of ours that were leaving when it was asked. */
  readonly asked: ReadonlyMap<string, ReadonlySet<string>>;
  /** How often in a row a silo was found at its floor with nothing of ours in flight. */
  readonly patience: ReadonlyMap<string, number>;
  /** The hosts of the timed wave all stand ready, and its time was asked for. */
  readonly isDue?: boolean;
  /** The once task under way, and where. */
  readonly task?: {readonly name: OnceTask; readonly host: string};
  /** Once tasks that are done, or that wait for a world that is not there yet. */
  readonly tasks?: Readonly<Partial<Record<OnceTask, 'done' | 'held'>>>;
  readonly stop?: Stop;
  /** The plan holds no longer, and why: the wave under way is finished, no other begins. */
  readonly expired?: string;
}

/** What happened in the world. */
export type RolloutEvent =
  | {readonly kind: 'begin'}
  | {readonly kind: 'leased'; readonly host: string}
  /** `isFinal`: the plan does not fit the host, and so does not fit at all. */
  | {readonly kind: 'lease-failed'; readonly host: string; readonly code: ErrorCode; readonly why: string; readonly isFinal?: boolean}
  /** `restarted`: this run's restart hook has run on the host before. */
  | {readonly kind: 'step-done'; readonly host: string; readonly step: MoveStep; readonly restarted?: boolean}
  /** `release`: what we ship is to blame. `host`: the host or the way to it. `fenced`: another run took the host over. */
  | {
      readonly kind: 'step-failed';
      readonly host: string;
      readonly step: MoveStep;
      readonly blame: 'release' | 'host' | 'fenced';
      readonly code: ErrorCode;
      readonly why: string;
    }
  /** The balancers' own view: hosts of the silo that are up and in rotation now. */
  /** `elsewhere`: those of the other silos, where the plan has holders. */
  | {readonly kind: 'rotation'; readonly silo: string; readonly serving: readonly string[]; readonly elsewhere?: readonly string[]}
  | {readonly kind: 'rotation-failed'; readonly silo: string; readonly code: ErrorCode; readonly why: string}
  | {readonly kind: 'soaked'; readonly failed: readonly {readonly host: string; readonly why: string}[]}
  | {readonly kind: 'released'; readonly host: string}
  /** What an `await-time` waited for. */
  | {readonly kind: 'time-come'; readonly moment: 'open' | 'switch'}
  /** The time passed before anything could be switched then. */
  | {readonly kind: 'time-missed'; readonly why: string}
  /** Another run has the host now. Heard while a run waits for its time; later the host's next step says so. */
  | {readonly kind: 'lease-lost'; readonly host: string; readonly why: string}
  /** The time that the plan was to hold has passed. */
  | {readonly kind: 'expired'; readonly why: string}
  | {readonly kind: 'task-done'; readonly task: OnceTask; readonly host: string}
  /**
   * `failed`: it ended badly. `not-begun`: it certainly was not begun on this host. `held`: the world is not ready for it. `unknown`: it may be
   * under way, or nobody can tell how it ended.
   */
  | {
      readonly kind: 'task-failed';
      readonly task: OnceTask;
      readonly host: string;
      readonly how: 'failed' | 'not-begun' | 'held' | 'unknown' | 'fenced';
      readonly code: ErrorCode;
      readonly why: string;
    }
  | {readonly kind: 'interrupt'};

export type RunOutcome = Extract<Happening, {kind: 'run-ended'}>['outcome'];

/** What to do now. Effects of one answer may run at the same time. */
export type Effect =
  | {readonly kind: 'lease'; readonly host: string}
  | {readonly kind: 'step'; readonly host: string; readonly step: MoveStep; readonly direction: Direction}
  /** Run a once task, or find it again and wait for its end. */
  | {readonly kind: 'task'; readonly host: string; readonly task: OnceTask}
  /** Ask the balancers, after a pause when they were found at the floor. */
  | {readonly kind: 'read-rotation'; readonly silo: string; readonly afterMs: number}
  /** Wait until the waves of this offset must be opened, so that their hosts can stand ready in time, or until they are to be let go. */
  | {readonly kind: 'await-time'; readonly moment: 'open' | 'switch'; readonly offsetMs: number}
  /** Wait, then probe the hosts of the wave again. */
  | {readonly kind: 'soak'; readonly ms: number; readonly hosts: readonly string[]}
  /** `ended`: nothing of the run is left to do on this host. */
  | {readonly kind: 'release'; readonly host: string; readonly ended: string | undefined}
  | {readonly kind: 'announce'; readonly happening: Happening | WaveEnded}
  | {readonly kind: 'end'; readonly outcome: RunOutcome; readonly code?: ErrorCode; readonly why?: string};

/** A wave's end without its duration: the clock is the caller's. */
export type WaveEnded = Omit<Extract<Happening, {kind: 'wave-ended'}>, 'ms'> & {readonly ms?: undefined};

export interface Answer {
  readonly state: RolloutState;
  readonly effects: readonly Effect[];
}

/** The state before `begin`. */
export function startRollout(plan: RolloutPlan): RolloutState {
  if (!plan.steps.includes('switch')) throw new Error(`a plan without a switch changes nothing: ${plan.steps.join(', ')}`);
  return {
    plan,
    phase: 'leasing',
    wave: -1,
    hosts: new Map(plan.hosts.map((host) => [host.name, {kind: 'planned'}])),
    leased: new Set(),
    asked: new Map(),
    patience: new Map(),
  };
}

export function setStage(state: RolloutState, host: string, stage: HostStage): RolloutState {
  return {...state, hosts: new Map(state.hosts).set(host, stage)};
}

export function isHostMoving(state: RolloutState, silo?: string): boolean {
  return state.plan.hosts.some((host) => (silo === undefined || host.silo === silo) && state.hosts.get(host.name)?.kind === 'moving');
}

/** The second answer follows from the first: its state counts, the effects of both do. */
export function joinAnswers(first: Answer, second: Answer): Answer {
  return {state: second.state, effects: [...first.effects, ...second.effects]};
}

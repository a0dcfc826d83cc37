import type {ErrorCode} from '../errors/codes.js';
import type {Happening, Step} from '../events/event.js';
import type {MoveStep, RolloutPlan} from './plan.js';

/**
 * Where one host stands. `lost`: it failed for reasons of its own and is debt. `failed`: the release failed on it. `stuck`: the way
 * back failed, it stays out of rotation.
 */
export type HostStage =
  | {readonly kind: 'planned'}
  | {readonly kind: 'ready'}
  | {readonly kind: 'moving'; readonly direction: 'forward' | 'back'; readonly step: MoveStep; readonly skipRestart?: boolean}
  | {readonly kind: 'done'}
  | {readonly kind: 'failed'; readonly why: string; readonly code: ErrorCode}
  | {readonly kind: 'lost'; readonly why: string; readonly code: ErrorCode; readonly touched: boolean}
  | {readonly kind: 'reverted'}
  | {readonly kind: 'stuck'; readonly why: string; readonly code: ErrorCode};

export type Phase = 'leasing' | 'rolling' | 'soaking' | 'reverting' | 'releasing' | 'ended';

/** Why a run stopped going forward. */
export interface Stop {
  readonly kind: 'leased' | 'unreachable' | 'floor' | 'release' | 'budget' | 'interrupted' | 'fenced';
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
  /** Silos whose rotation was asked for and has not been answered. */
  readonly asked: ReadonlySet<string>;
  /** How often in a row a silo was found at its floor with nothing of ours in flight. */
  readonly patience: ReadonlyMap<string, number>;
  readonly stop?: Stop;
}

/** What happened in the world. */
export type RolloutEvent =
  | {readonly kind: 'begin'}
  | {readonly kind: 'leased'; readonly host: string}
  | {readonly kind: 'lease-failed'; readonly host: string; readonly code: ErrorCode; readonly why: string}
  /** `restarted`: this run's restart hook has run on the host before. */
  | {readonly kind: 'step-done'; readonly host: string; readonly step: MoveStep; readonly restarted?: boolean}
  /** `release`: what we ship is to blame. `host`: the host or the way to it. `fenced`: another run took the host over. */
  | {readonly kind: 'step-failed'; readonly host: string; readonly step: MoveStep; readonly blame: 'release' | 'host' | 'fenced'; readonly code: ErrorCode; readonly why: string}
  /** The balancers' own view: hosts of the silo that are up and in rotation now. */
  | {readonly kind: 'rotation'; readonly silo: string; readonly serving: readonly string[]}
  | {readonly kind: 'rotation-failed'; readonly silo: string; readonly code: ErrorCode; readonly why: string}
  | {readonly kind: 'soaked'; readonly failed: readonly {readonly host: string; readonly why: string}[]}
  | {readonly kind: 'released'; readonly host: string}
  | {readonly kind: 'interrupt'};

export type RunOutcome = Extract<Happening, {kind: 'run-ended'}>['outcome'];

/** What to do now. Effects of one answer may run at the same time. */
export type Effect =
  | {readonly kind: 'lease'; readonly host: string}
  | {readonly kind: 'step'; readonly host: string; readonly step: MoveStep; readonly direction: 'forward' | 'back'}
  /** Ask the balancers, after a pause when they were found at the floor. */
  | {readonly kind: 'read-rotation'; readonly silo: string; readonly afterMs: number}
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

export type {Step};

/** The state before `begin`. */
export function startRollout(plan: RolloutPlan): RolloutState {
  return {
    plan,
    phase: 'leasing',
    wave: -1,
    hosts: new Map(plan.hosts.map((host) => [host.name, {kind: 'planned'}])),
    leased: new Set(),
    asked: new Set(),
    patience: new Map(),
  };
}

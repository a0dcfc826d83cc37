import type {MoveStep, OnceTask, PlannedHost, RolloutPlan} from '../../src/lib/rollout/plan.js';
import {planOrderedWaves, planWaves, resolveFloor, timeWaves} from '../../src/lib/rollout/waves.js';
import type {FaultKind, ModelHost} from './fleet-model.js';
import {type SeededRandom, seedRandom} from './seeded-random.js';

/** One world to run a plan in. */
export interface Scenario {
  readonly name: string;
  readonly plan: RolloutPlan;
  readonly hosts: readonly ModelHost[];
  readonly random: SeededRandom;
  /** Whether this step of this host goes wrong. `nth` counts the steps of the run from 1. */
  faultOf(step: {
    readonly nth: number;
    readonly host: string;
    readonly step: MoveStep;
    readonly direction: 'forward' | 'back';
  }): FaultKind | undefined;
  /** Whether the balancers are silent then. */
  isBalancerDown(atMs: number, nth: number): boolean;
  readonly interruptsMs: readonly number[];
  /** Interrupts right after this many events. */
  readonly interruptAtEvent?: number;
  readonly deaths: readonly {readonly host: string; readonly atMs: number; readonly backAtMs: number | undefined}[];
  /** The longest that a look at the balancers takes. */
  readonly readMs: number;
  /** Share of soaks that find a host unhealthy. */
  readonly soakFails: number;
  /** Whether the run comes too late for the first time it waits for. */
  readonly missesTime: boolean;
  /** How the n-th try of a once task goes, where it does not end well. `cut`: it is begun, and nobody hears of it any more. */
  taskFault(task: OnceTask, nth: number): TaskFault | undefined;
  /** A host that another run takes over while this one waits for a time. */
  readonly takenWhileWaiting?: string;
}

/** `unknown`: it did its work, and nobody can tell. `held`: a host that is not selected runs something older. */
export type TaskFault = 'failed' | 'not-begun' | 'unknown' | 'held' | 'fenced';

const allSteps: readonly MoveStep[] = ['drain', 'switch', 'restart', 'health', 'warm', 'admit', 'confirm'];

/** A plan for hosts `eu-1`, `eu-2`… with every step, one canary, then half, then all. */
export function planFor(hosts: readonly PlannedHost[], more: Partial<RolloutPlan> = {}): RolloutPlan {
  return {
    v: 1,
    run: 'r1',
    command: 'deploy',
    app: 'shop',
    operator: 'ana',
    reason: '',
    hosts,
    waves: planWaves(hosts, [
      {kind: 'count', count: 1},
      {kind: 'percent', percent: 50},
      {kind: 'percent', percent: 100},
    ]),
    floors: {eu: 1},
    budget: 0,
    soakMs: 0,
    confirmMs: 300_000,
    steps: allSteps,
    ...more,
  };
}

export function planHost(name: string, more: Partial<PlannedHost> = {}): PlannedHost {
  return {name, silo: name.split('-')[0]!, from: 'old', to: 'new', ...more};
}

/** The model of a planned host with nothing wrong. */
export function modelHost(planned: PlannedHost, more: Partial<ModelHost> = {}): ModelHost {
  const {name, silo, from} = planned;
  return {
    name,
    silo,
    from,
    live: planned.earlier === 'done' ? planned.to : from,
    healthyOnOld: true,
    healthyOnNew: true,
    lease: 'free',
    drainedAtStart: from === undefined,
    ...more,
  };
}

/** A world in which nothing goes wrong. */
export function calmScenario(plan: RolloutPlan, more: Partial<Scenario> = {}): Scenario {
  const hosts = plan.hosts.map((host) => modelHost(host));
  const nothing = {
    missesTime: false,
    interruptsMs: [],
    deaths: [],
    soakFails: 0,
    readMs: 20,
    faultOf: () => undefined,
    isBalancerDown: () => false,
    taskFault: () => undefined,
  };
  return {name: 'calm', plan, hosts, random: seedRandom(1), ...nothing, ...more};
}

/** A world in which a seed decides what goes wrong: mostly little, sometimes all of it. */
export function randomScenario(seed: number): Scenario {
  const random = seedRandom(seed);
  const isResumed = random.chance(0.15);
  const silos = ['eu', 'us'].slice(0, 1 + random.below(2));
  const all = silos.flatMap((silo) =>
    Array.from({length: 1 + random.below(random.pick([3, 6]))}, (_, index) => drawPlanned(random, `${silo}-${index + 1}`, isResumed)),
  );
  const chosen = all.filter(() => random.chance(0.85));
  const planned = chosen.length === 0 ? all : chosen;
  const wild = random.pick([0, 0, 0.02, 0.05, 0.2, 0.6, 1]);
  const hosts = all.map((host) => drawHost(random, host));
  const plan = drawPlan(random, planned, all, isResumed);
  const outages = Array.from({length: random.chance(0.15) ? 1 + random.below(3) : 0}, () => {
    const fromMs = random.below(300_000);
    return {fromMs, toMs: fromMs + random.pick([2000, 60_000, Number.POSITIVE_INFINITY])};
  });
  const kinds: readonly FaultKind[] = random.chance(0.5)
    ? ['host', 'lost-ack']
    : ['release', 'host', 'fenced', 'lost-ack', 'host', 'release'];
  return {
    name: `seed ${seed}`,
    plan,
    hosts,
    random,
    faultOf: () => (random.chance(wild) ? random.pick(kinds) : undefined),
    isBalancerDown: (atMs) => outages.some(({fromMs, toMs}) => atMs >= fromMs && atMs < toMs),
    interruptsMs: random.chance(0.25) ? [random.pick([0, random.below(2000), random.below(400_000)])] : [],
    deaths: hosts
      .filter(() => random.chance(0.08))
      .map(({name}) => {
        const atMs = random.below(300_000);
        return {host: name, atMs, backAtMs: random.chance(0.5) ? atMs + random.below(200_000) : undefined};
      }),
    readMs: random.pick([20, 4000, 90_000]),
    soakFails: random.pick([0, 0, 0, 0.3]),
    missesTime: random.chance(0.05),
    taskFault: (task) => drawTaskFault(random, task),
    ...(random.chance(0.05) ? {takenWhileWaiting: random.pick(planned).name} : {}),
  };
}

function drawTaskFault(random: SeededRandom, task: OnceTask): TaskFault | undefined {
  if (!random.chance(0.3)) return undefined;
  const fault = random.pick(['failed', 'not-begun', 'not-begun', 'unknown', 'held', 'fenced'] as const);
  return fault === 'held' && task === 'before' ? undefined : fault;
}

/** Two roles: every other host is of the one that moves first. */
function drawOrder(plan: RolloutPlan, quotas: Parameters<typeof planWaves>[1]): RolloutPlan {
  const groups = [0, 1].map((rest) => ({role: `role${rest}`, hosts: plan.hosts.filter((_, index) => index % 2 === rest)}));
  return {...plan, waves: planOrderedWaves(groups, quotas), order: groups.map(({hosts}) => hosts.map(({name}) => name))};
}

/** Both tasks or one of them, and in a resumed run what an earlier part of it did. */
function drawOnce(random: SeededRandom, planned: readonly PlannedHost[]): RolloutPlan['once'] {
  const names = planned.map((host) => host.name);
  const isResumed = planned.some((host) => host.earlier !== undefined);
  const after = random.chance(0.8) ? {after: 'contract'} : {};
  const once = {before: 'expand', ...after, deadlineMs: 60_000, hosts: names};
  if (!isResumed) return random.chance(0.1) ? {...once, begun: {before: random.pick(names)}} : once;
  const contracting = planned.every((host) => host.earlier === 'done') && random.chance(0.5) ? {begun: {after: random.pick(names)}} : {};
  return {...once, done: ['before'], ...contracting};
}

function drawPlanned(random: SeededRandom, name: string, isResumed: boolean): PlannedHost {
  const from = random.chance(0.05) ? {from: undefined} : {};
  return planHost(name, {...from, ...(isResumed && random.chance(0.5) ? {earlier: random.pick(['begun', 'done'] as const)} : {})});
}

function drawHost(random: SeededRandom, planned: PlannedHost): ModelHost {
  return modelHost(planned, {
    ...(planned.earlier === 'begun' ? {live: random.pick([planned.from, planned.to])} : {}),
    healthyOnOld: !random.chance(0.04),
    healthyOnNew: !random.chance(0.08),
    lease: random.chance(0.03) ? random.pick(['held-by-another', 'unreachable', 'unreachable'] as const) : 'free',
    drainedAtStart: planned.from === undefined || random.chance(0.05),
  });
}

function drawPlan(random: SeededRandom, planned: readonly PlannedHost[], all: readonly PlannedHost[], isResumed: boolean): RolloutPlan {
  const quotas = random.pick([
    [
      {kind: 'count', count: 1},
      {kind: 'percent', percent: 25},
      {kind: 'percent', percent: 100},
    ],
    [
      {kind: 'count', count: 2},
      {kind: 'percent', percent: 100},
    ],
    [{kind: 'percent', percent: 100}],
  ] as const);
  const floor = random.pick([
    {kind: 'percent', percent: 75},
    {kind: 'percent', percent: 50},
    {kind: 'percent', percent: 0},
    {kind: 'count', count: 1},
  ] as const);
  const left = new Set<MoveStep>((['restart', 'health', 'warm', 'confirm'] as const).filter(() => random.chance(0.3)));
  if (random.chance(0.15)) for (const step of ['drain', 'admit'] as const) left.add(step);
  const silos = new Set(all.map((host) => host.silo));
  const plan = planFor(planned, {
    command: random.chance(0.25) ? 'rollback' : 'deploy',
    waves: planWaves(planned, quotas),
    floors: Object.fromEntries([...silos].map((silo) => [silo, resolveFloor(floor, all.filter((host) => host.silo === silo).length)])),
    budget: random.pick([0, 1, 1, 2, 10]),
    soakMs: random.pick([0, 0, 30_000]),
    steps: allSteps.filter((step) => !left.has(step)),
    ...(isResumed && random.chance(0.5) ? {back: 'eu-1 took the release back'} : {}),
  });
  if (plan.command === 'rollback') return plan;
  const once = random.chance(0.4) ? drawOnce(random, planned) : undefined;
  const ordered = random.chance(0.25) ? drawOrder(plan, quotas) : plan;
  const full = once === undefined ? ordered : {...ordered, once};
  if (full.order !== undefined) return full;
  return random.chance(0.35) ? makeTimed(full, random.pick([0, 60_000])) : full;
}

/** The same plan, its waves at a time: the n-th of every silo together, or all at once. */
export function makeTimed(plan: RolloutPlan, gapMs: number): RolloutPlan {
  const at = {time: '2026-01-01T00:00:00Z', clockBoundMs: 250};
  return {
    ...plan,
    at,
    waves: timeWaves(plan.waves, gapMs),
    steps: plan.steps.flatMap((step) => (step === 'switch' ? ['arm', step] : [step])),
  };
}

import {DroverError} from '../errors/drover-error.js';
import {parseRunId} from '../events/run-id.js';
import type {HeldLease} from '../host/host-state.js';
import type {App, Project} from '../inventory/app.js';
import type {Host} from '../inventory/host.js';
import type {RolloutPlan} from '../rollout/plan.js';
import type {Store} from '../snapshot/store.js';
import type {Balancer} from '../traffic/balancer.js';
import {refuseBalancer} from './deploy-app.js';
import {LeaseWait} from './free-fleet.js';
import {namingParts} from './name-snapshots.js';
import {useHost} from './on-host.js';
import type {OnceDecisions} from './once-rest.js';
import {planRest} from './plan-rest.js';
import {hostsOfApp} from './plan-rollout.js';
import {parsePlan, renderPlan, type StoredPlan} from './plan-text.js';
import {stageEverywhere} from './push-app.js';
import {type FleetReport, readFleet} from './read-fleet.js';
import {refusePinned} from './refuse-pinned.js';
import {hasUndone, resumeBack} from './resume-back.js';
import type {RunEnd} from './run-end.js';
import {announcePlan, runRollout} from './run-rollout.js';
import {stageRelease} from './stage-release.js';
import {tellUnsafe} from './tell-unsafe.js';
import {refuseClocks} from './timed-host.js';
import type {World} from './world.js';

export interface ResumeOptions {
  readonly project: Project;
  /** Undefined: the newest run that hosts call unfinished. */
  readonly run: string | undefined;
  /** What the operator knows of the run's once tasks. */
  readonly once?: OnceDecisions;
  readonly openStore: () => Promise<Store>;
  readonly openBalancer: (app: App) => Balancer;
  /** Why a release that was taken back since may go on; undefined where it may not. */
  readonly allowPinned?: string | undefined;
  /** How long to wait for the leases of others. */
  readonly waitLeaseMs?: number;
  readonly approve: (plan: RolloutPlan, app: App, fleet: FleetReport) => Promise<boolean>;
}

/**
 * Continues a run that did not end, from what the hosts themselves hold: their plan, their journals and what they serve. Needs nothing of
 * the machine that began it. A run that had turned back, or a host that took the release back by itself, is brought back everywhere.
 */
export async function resumeRun(world: World, options: ResumeOptions): Promise<RunEnd> {
  const startedMs = world.now();
  if (options.run !== undefined) parseRunId(options.run);
  const first = await findRun(world, options);
  const {app, plan} = first;
  await world.emit({
    kind: 'run-started',
    command: 'resume',
    app: app.name,
    operator: world.operator,
    hosts: plan.hosts.length,
    reason: `run ${plan.run} of ${plan.operator}`,
  });
  if (plan.command === 'push') {
    const hosts = plan.hosts.map((name) => expectHost(world, name));
    return stageEverywhere(world, {app, store: await options.openStore(), snapshot: plan.snapshot, hosts, plan, startedMs});
  }
  let known: typeof first | undefined = first;
  const ask = async (): Promise<typeof first> => {
    const found = known ?? (await findRun(world, {...options, run: plan.run}));
    known = undefined;
    return found;
  };
  const {fleet} = await new LeaseWait(world, options.waitLeaseMs ?? 0).free(ask, () => plan.run);
  const balancer = options.openBalancer(app);
  await refuseBalancer(world, balancer, hostsOfApp(world.inventory, app));
  const hosts = plan.hosts.map((planned) => expectHost(world, planned.name));
  if (hasUndone(plan, fleet.states)) {
    const approve = (made: RolloutPlan, seen: FleetReport): Promise<boolean> => options.approve(made, app, seen);
    const {openStore, waitLeaseMs = 0} = options;
    return resumeBack(world, {app, plan, states: fleet.states, hosts, startedMs, openStore, balancer, waitLeaseMs, approve});
  }
  const rotation = await balancer.read(hosts, world.signal);
  const rest = allowPins(planRest(plan, fleet.states, rotation, options.once), options.allowPinned);
  await tellUnsafe(world, options.allowPinned === undefined ? [] : ['allow-pinned']);
  refuseBackPastContract(rest, fleet);
  await refusePinnedRest(world, app, rest, fleet);
  refuseExpired(world, rest);
  if (rest.at !== undefined && rest.back === undefined && rest.waves.length > 0)
    await refuseClocks(world, app, hosts, rest.at.clockBoundMs);
  await announcePlan(world, rest, app, plan.snapshot ?? plan.hosts[0]?.to);
  if ((rest.waves.length > 0 || hasTask(rest)) && !(await options.approve(rest, app, fleet))) {
    throw new DroverError({code: 'refused', message: 'not approved; nothing was changed', fix: 'confirm the plan, or pass --yes'});
  }
  const unusable = new Map(fleet.problems);
  if (rest.back === undefined) {
    const lacking = rest.hosts.filter(({name, to}) => fleet.states.get(name)?.releases.includes(to) === false);
    if (lacking.length > 0) {
      const store = await options.openStore();
      const staged = await stageRelease(world, {
        app,
        store,
        snapshot: plan.snapshot ?? lacking[0]?.to ?? '',
        parts: new Map(lacking.map((host) => [host.name, host.to])),
        hosts: lacking.map((host) => expectHost(world, host.name)),
        states: fleet.states,
        run: {id: plan.run, plan: renderPlan(plan), endsHere: false},
      });
      for (const result of staged) if (result.problem !== undefined) unusable.set(result.host.name, result.problem);
    }
  }
  const {snapshot} = plan;
  const planned = snapshot === undefined ? undefined : {snapshot, releases: plan.hosts.map(({to}) => to)};
  const end = await runRollout(namingParts(world, fleet.states, planned), {
    app,
    plan: rest,
    kept: renderPlan(plan),
    balancer,
    unusable,
    startedMs,
    isResumed: true,
    others: listOthers(plan, rest, fleet),
    protect: plan.hosts.map((host) => host.to),
  });
  if (end === 'leased') throw new Error('a resumed run is not planned anew');
  return end;
}

/** Hosts of the plan that a way back passes by, because the run never moved them, and their leases: they still call it unfinished. */
function listOthers(plan: RolloutPlan, rest: RolloutPlan, {states}: FleetReport): ReadonlyMap<string, HeldLease | undefined> {
  const left = new Set(rest.hosts.map(({name}) => name));
  const others = [...states].filter(([name, state]) => !left.has(name) && state.openRuns.includes(plan.run));
  return new Map(others.map(([name, {lease}]) => [name, lease]));
}

/** A plan that holds no longer begins no wave; the way back of one is always open. */
function refuseExpired(world: World, {review, back, waves, app, run}: RolloutPlan): void {
  if (review === undefined || back !== undefined || waves.length === 0 || world.now() < Date.parse(review.expires)) return;
  throw new DroverError({
    code: 'refused',
    message: `the plan of run ${run} held until ${review.expires}`,
    fix: `make a new plan for the rest: drover deploy ${app} --plan-out plan.json; or go back: drover rollback ${app}`,
  });
}

/** What a reviewer has not approved, nobody who resumes it may leave out. Throws `refused`. */
function allowPins(rest: RolloutPlan, reason: string | undefined): RolloutPlan {
  if (reason === undefined) return rest;
  const {unsafe = [], review, app, run} = rest;
  if (review !== undefined && !unsafe.includes('allow-pinned')) {
    throw new DroverError({
      code: 'refused',
      message: `run ${run} carries out a reviewed plan, and --allow-pinned is no part of it`,
      fix: `make a new plan: drover deploy ${app} --plan-out plan.json --allow-pinned "…"`,
    });
  }
  return {...rest, reason, unsafe: [...new Set([...unsafe, 'allow-pinned'])]};
}

/** A release that another run took back since goes no further unasked; what this run itself pinned does not count, since it goes back. */
async function refusePinnedRest(world: World, app: App, rest: RolloutPlan, fleet: FleetReport): Promise<void> {
  if (rest.back !== undefined) return;
  const states = new Map(
    [...fleet.states].map(([name, state]) => [name, {...state, pins: state.pins.filter(({run}) => run !== rest.run)}]),
  );
  await refusePinned(world, {
    ...{app, fleet: {...fleet, states}, snapshot: rest.snapshot},
    releases: new Map(rest.hosts.filter(({earlier}) => earlier !== 'done').map(({name, to}) => [name, to])),
    allowed: rest.unsafe?.includes('allow-pinned') === true,
    fix: `go back: drover rollback ${app.name}; or drover resume ${rest.run} --allow-pinned "REASON"`,
  });
}

function hasTask({once}: RolloutPlan): boolean {
  return (['before', 'after'] as const).some((task) => once?.[task] !== undefined && !once.done?.includes(task));
}

/** A host took its release back after the contract had begun: going back everywhere would bring releases back that may not work any more. */
function refuseBackPastContract(rest: RolloutPlan, fleet: FleetReport): void {
  if (rest.back === undefined) return;
  const isNoted = [...fleet.states.values()].some(({journal}) =>
    journal.some(({run, event}) => run === rest.run && event === 'contracted'),
  );
  if (!isNoted) return;
  throw new DroverError({
    code: 'refused',
    message: `${rest.back}, but the contract (once.after) of run ${rest.run} has begun: going back is not safe`,
    fix: 'deploy the same release again, or if you know better: drover rollback --past-contract --reason "…"',
  });
}

/** Looks for the run on every host of every app. */
async function findRun(world: World, options: ResumeOptions): Promise<{app: App; plan: StoredPlan; fleet: FleetReport}> {
  let newest: {app: App; run: string; host: string; fleet: FleetReport} | undefined;
  let ended = false;
  const silent: string[] = [];
  for (const app of options.project.apps.values()) {
    const fleet = await readFleet(world, app, hostsOfApp(world.inventory, app));
    silent.push(...fleet.problems.keys());
    for (const [host, state] of fleet.states) {
      ended ||= options.run !== undefined && state.journal.some((line) => line.run === options.run);
      for (const run of state.openRuns) {
        if (options.run !== undefined ? run === options.run : newest === undefined || run > newest.run) newest = {app, run, host, fleet};
      }
    }
  }
  if (newest === undefined) {
    const unseen = silent.length === 0 ? '' : ` (${new Set(silent).size} hosts did not answer)`;
    if (options.run === undefined)
      throw new DroverError({code: 'refused', message: `no host knows of an unfinished run${unseen}; nothing to resume`});
    throw new DroverError({
      code: 'refused',
      message: ended ? `run ${options.run} has ended; nothing to resume${unseen}` : `no host knows run ${options.run}${unseen}`,
      fix: 'list runs with: drover status',
    });
  }
  const {app, run, host, fleet} = newest;
  const text = await useHost(world, expectHost(world, host), app, (on) => on.readPlan(run));
  return {app, plan: parsePlan(text, host), fleet};
}

function expectHost(world: World, name: string): Host {
  const host = world.inventory.hosts.find((each) => each.name === name);
  if (host === undefined)
    throw new DroverError({
      code: 'refused',
      message: `the run includes host ${name}, which the inventory does not name any more`,
      fix: 'put it back for this resume',
    });
  return host;
}

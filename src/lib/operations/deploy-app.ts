import {DroverError, type Problem} from '../errors/drover-error.js';
import type {HostState} from '../host/host-state.js';
import type {App} from '../inventory/app.js';
import type {Host} from '../inventory/host.js';
import type {MoveStep, PlannedHost, RolloutPlan} from '../rollout/plan.js';
import type {SnapshotId} from '../snapshot/manifest.js';
import type {Store} from '../snapshot/store.js';
import type {Balancer, Rotation} from '../traffic/balancer.js';
import {cutApp, listIds, warnOfDangling} from './app-parts.js';
import {chooseSnapshot} from './choose-snapshot.js';
import {LeaseWait} from './free-fleet.js';
import {namingParts} from './name-snapshots.js';
import {noteParts} from './note-parts.js';
import {readOthers, refusePastContract} from './once-contract.js';
import {planParts} from './plan-holders.js';
import {hostsOfApp, planRollout} from './plan-rollout.js';
import {renderPlan} from './plan-text.js';
import {type TimeRequest, timePlan} from './plan-timed.js';
import {type FleetReport, findUnfit, readFleet} from './read-fleet.js';
import {refuseEmbargo} from './refuse-embargo.js';
import {refusePinned} from './refuse-pinned.js';
import {findPlanned, holdToReview, type ReviewedPlan, refuseForeign, refuseStale} from './reviewed-plan.js';
import type {RunEnd} from './run-end.js';
import {announcePlan, runRollout} from './run-rollout.js';
import {stageRelease} from './stage-release.js';
import {tellUnsafe} from './tell-unsafe.js';
import {refuseClocks} from './timed-host.js';
import type {World} from './world.js';

export interface DeployOptions {
  readonly app: App;
  readonly store: Store;
  /** `latest`, an id, or the start of one. */
  readonly snapshot: string;
  readonly hosts: readonly Host[];
  readonly balancer: Balancer;
  /** Steps that the operator left out by name, with a reason. */
  readonly skip: ReadonlySet<MoveStep>;
  /** The embargo of the snapshot does not hold, for the run's reason. */
  readonly ignoreEmbargo: boolean;
  /** A release that served before a contract may come back, for the run's reason. */
  readonly pastContract: boolean;
  /** When the hosts of a wave switch together, by their own clocks; undefined: each as soon as it can. */
  readonly at?: TimeRequest;
  /** Safeties that were left out, by the names of their flags, for the run's reason. */
  readonly unsafe?: readonly string[];
  /** How long to wait for the leases of others. */
  readonly waitLeaseMs?: number;
  /** The plan file that this deploy is to carry out and nothing else; its hosts are `hosts`. */
  readonly reviewed?: ReviewedPlan;
  /** Sees the plan, and what it is made of, before anything changes; false ends the run without a change. */
  readonly approve: (plan: RolloutPlan, fleet: FleetReport) => Promise<boolean>;
}

/**
 * Brings hosts to a snapshot, wave by wave: reads what every host says, plans, stages what is missing, then lets the rollout decide. Hosts
 * that have converged are left alone. Throws `DroverError` before the first change; after it every ending is a `RunEnd`.
 */
export async function deployApp(world: World, options: DeployOptions): Promise<RunEnd> {
  const {app, store, hosts, at, unsafe = [], reviewed} = options;
  const startedMs = world.now();
  if (at !== undefined && app.partitions !== undefined) {
    throw new DroverError({
      code: 'refused',
      message: `apps.${app.name} has partitions, and their holders cannot all switch at one time: some must serve while others move`,
      fix: 'deploy without --at',
      file: world.project.file,
    });
  }
  if (at !== undefined && app.once?.before !== undefined) {
    throw new DroverError({
      code: 'refused',
      message: `apps.${app.name}.once.before would run now, long before the time of --at`,
      fix: 'deploy without --at, or run the task by itself before and take it out of once:',
      file: world.project.file,
    });
  }
  if (at !== undefined && app.roll.order !== undefined) {
    throw new DroverError({
      code: 'refused',
      message: `apps.${app.name}.roll.order moves roles one after another, and --at moves hosts together`,
      fix: 'deploy without --at',
      file: world.project.file,
    });
  }
  if (options.snapshot === 'latest') await store.resolve(app.name, 'latest');
  await world.emit({
    kind: 'run-started',
    command: 'deploy',
    app: app.name,
    operator: world.operator,
    hosts: hosts.length,
    ...(world.reason === '' ? {} : {reason: world.reason}),
  });
  await tellUnsafe(world, unsafe);
  if (reviewed !== undefined) refuseForeign(world, app, reviewed);
  const wait = new LeaseWait(world, options.waitLeaseMs ?? 0);
  for (;;) {
    const end = await deployOnce(world, options, {startedMs, wait});
    if (end !== 'leased') return end;
    await wait.pause();
  }
}

/** From the question to every host until the end; `leased` when another run was faster by a moment and there is time to wait for it. */
async function deployOnce(
  world: World,
  options: DeployOptions,
  {startedMs, wait}: {readonly startedMs: number; readonly wait: LeaseWait},
): Promise<RunEnd | 'leased'> {
  const {app, store, hosts, balancer, skip, approve, at, unsafe = [], reviewed} = options;
  const {fleet} = await wait.free(
    async () => ({fleet: await readFleet(world, app, hosts)}),
    () => undefined,
  );
  if (reviewed !== undefined) await refuseStale(world, app, reviewed, fleet);
  const snapshot = await chooseSnapshot(store, app, options.snapshot, fleet.states);
  await refuseEmbargo(world, {app, store, snapshots: [snapshot], whenMs: at?.timeMs ?? startedMs, ignored: options.ignoreEmbargo});
  refuseUnfit(fleet, at === undefined ? app.roll.budget : 0, hosts);
  await refuseBalancer(world, balancer, hostsOfApp(world.inventory, app));
  if (at !== undefined) await refuseClocks(world, app, hosts, at.clockBoundMs);
  const rotation = await balancer.read(hosts, world.signal);
  const cut = await cutApp({inventory: world.inventory, app, store, snapshot: snapshot as SnapshotId, signal: world.signal});
  await warnOfDangling(world, app, cut?.parts.values() ?? []);
  const releaseFor = (host: Host): string => cut?.parts.get(host.name)?.manifest.id ?? snapshot;
  await refusePinned(world, {
    ...{app, fleet, releases: new Map(hosts.map((host) => [host.name, releaseFor(host)])), allowed: unsafe.includes('allow-pinned')},
    snapshot: cut === undefined ? undefined : snapshot,
  });
  const serving = new Set(rotation.filter((each) => each.state === 'in').map((each) => each.host.name));
  // A reviewed plan has its hosts, and their order.
  const converged =
    reviewed === undefined ? hosts.filter((host) => hasConverged(fleet.states.get(host.name), releaseFor(host), rotation, host.name)) : [];
  const changing = reviewed === undefined ? orderHosts(without(hosts, converged), serving) : hosts;
  const planned = changing.map((host): PlannedHost => {
    const live = reviewed === undefined ? fleet.states.get(host.name)?.live : findPlanned(reviewed, host.name)?.from;
    return {name: host.name, silo: host.silo, to: releaseFor(host), ...(live === undefined ? {} : {from: live})};
  });
  if (!options.pastContract) {
    const moves = planned.map(({name, to}) => ({host: name, to}));
    refusePastContract(fleet.states, await readOthers(world, app, hosts), moves);
  }
  const shared =
    cut === undefined ? undefined : await planParts(world, {app, store, assignment: cut.assignment, balancer, fleet, planned, reviewed});
  const untimed = planRollout(world, {command: 'deploy', app, skip, hosts: planned, ...shared, ...(cut === undefined ? {} : {snapshot})});
  const timed = at === undefined ? untimed : timePlan(untimed, app, at, countSilos(hostsOfApp(world.inventory, app)));
  const careless: RolloutPlan = unsafe.length === 0 ? timed : {...timed, unsafe};
  const plan = reviewed === undefined ? careless : holdToReview(world, app, reviewed, careless);
  const budget = plan.at === undefined ? plan.budget : 0;
  await announcePlan(world, plan, app, snapshot);
  const naming = namingParts(world, fleet.states, cut === undefined ? undefined : {snapshot, releases: [...listIds(cut).values()]});
  for (const host of converged) await naming.emit({kind: 'host-ended', host: host.name, outcome: 'unchanged', release: releaseFor(host)});
  if (plan.hosts.length > 0 && !(await approve(plan, fleet))) {
    throw new DroverError({code: 'refused', message: 'not approved; nothing was changed', fix: 'confirm the plan, or pass --yes'});
  }
  const unusable = new Map<string, Problem>(fleet.problems);
  if (unusable.size <= budget) {
    const staged = await stageRelease(world, {
      app,
      store,
      snapshot,
      ...(cut === undefined ? {} : {parts: listIds(cut)}),
      hosts: changing.filter((host) => fleet.states.has(host.name)),
      states: fleet.states,
      budget: budget - unusable.size,
      run: {id: plan.run, plan: renderPlan(plan), endsHere: false},
    });
    for (const result of staged) {
      if (result.problem !== undefined) unusable.set(result.host.name, result.problem);
      else if (result.kind === 'skipped' || result.kind === 'interrupted') {
        unusable.set(result.host.name, {
          code: 'interrupted',
          message: `${result.host.name}: not staged: the run stopped before`,
          host: result.host.name,
        });
      }
    }
  }
  if (cut !== undefined) {
    const reached = hosts.filter((host) => fleet.states.has(host.name) && !unusable.has(host.name));
    const parts = reached.map((host) => ({host, part: releaseFor(host)}));
    await noteParts(world, {app, snapshot, run: world.run, states: fleet.states, parts});
  }
  return runRollout(naming, {app, plan, balancer, unusable, startedMs, protect: [snapshot], mayRetry: () => wait.isOpen});
}

function without(hosts: readonly Host[], others: readonly Host[]): readonly Host[] {
  return hosts.filter((host) => !others.includes(host));
}

/** Hosts of each silo. */
function countSilos(hosts: readonly Host[]): ReadonlyMap<string, number> {
  const sizes = new Map<string, number>();
  for (const {silo} of hosts) sizes.set(silo, (sizes.get(silo) ?? 0) + 1);
  return sizes;
}

/** Silos as they come; in each, hosts that serve nobody first: they cost nothing, and serve again before any other is taken out. */
export function orderHosts(hosts: readonly Host[], serving: ReadonlySet<string>): readonly Host[] {
  const silos = [...new Set(hosts.map((host) => host.silo))];
  const rank = (host: Host): number => silos.indexOf(host.silo) * 2 + Number(serving.has(host.name));
  return [...hosts].sort((one, other) => rank(one) - rank(other));
}

/** A host with the release live, confirmed, not in the middle of a run, and in rotation has nothing left to do. */
export function hasConverged(state: HostState | undefined, to: string, rotation: readonly Rotation[], name: string): boolean {
  if (state === undefined || state.live !== to) return false;
  if (state.journal.findLast((line) => line.event === 'confirmed')?.detail !== to) return false;
  const turn = rotation.find((each) => each.host.name === name)?.state;
  return turn === undefined || turn === 'in' || turn === 'absent';
}

function refuseUnfit(fleet: FleetReport, budget: number, hosts: readonly Host[]): void {
  const [first, ...more] = findUnfit(fleet);
  if (first !== undefined) throw new DroverError(first, ...more);
  if (fleet.problems.size <= budget && fleet.problems.size < hosts.length) return;
  const [problem, ...others] = fleet.problems.values();
  if (problem !== undefined) throw new DroverError(problem, ...others);
}

/** Every balancer answers and knows every host, or nothing is touched. */
export async function refuseBalancer(world: World, balancer: Balancer, hosts: readonly Host[]): Promise<void> {
  const problems = (await balancer.preflight(hosts, world.signal)).map((message): Problem => ({code: 'refused', message}));
  const [first, ...more] = problems;
  if (first !== undefined) throw new DroverError(first, ...more);
}

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
import {namingParts} from './name-snapshots.js';
import {noteParts} from './note-parts.js';
import {planParts} from './plan-holders.js';
import {hostsOfApp, planRollout} from './plan-rollout.js';
import {renderPlan} from './plan-text.js';
import {type TimeRequest, timePlan} from './plan-timed.js';
import {type FleetReport, findUnfit, readFleet} from './read-fleet.js';
import {refuseEmbargo} from './refuse-embargo.js';
import type {RunEnd} from './run-end.js';
import {announcePlan, runRollout} from './run-rollout.js';
import {stageRelease} from './stage-release.js';
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
  /** When the hosts of a wave switch together, by their own clocks; undefined: each as soon as it can. */
  readonly at?: TimeRequest;
  /** Sees the plan before anything changes; false ends the run without a change. */
  readonly approve: (plan: RolloutPlan) => Promise<boolean>;
}

/**
 * Brings hosts to a snapshot, wave by wave: reads what every host says, plans, stages what is missing, then lets the rollout decide. Hosts
 * that have converged are left alone. Throws `DroverError` before the first change; after it every ending is a `RunEnd`.
 */
export async function deployApp(world: World, options: DeployOptions): Promise<RunEnd> {
  const {app, store, hosts, balancer, skip, approve, at} = options;
  const startedMs = world.now();
  if (app.once !== undefined) {
    throw new DroverError({
      code: 'refused',
      message: `apps.${app.name}.once is not carried out by this version`,
      fix: 'run the task yourself and take once: out',
      file: world.project.file,
    });
  }
  if (at !== undefined && app.partitions !== undefined) {
    throw new DroverError({
      code: 'refused',
      message: `apps.${app.name} has partitions, and their holders cannot all switch at one time: some must serve while others move`,
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
  const fleet = await readFleet(world, app, hosts);
  const snapshot = await chooseSnapshot(store, app, options.snapshot, fleet.states);
  await refuseEmbargo(world, {app, store, snapshots: [snapshot], whenMs: at?.timeMs ?? startedMs, ignored: options.ignoreEmbargo});
  refuseUnfit(fleet, at === undefined ? app.roll.budget : 0, hosts);
  refuseLeased(fleet);
  await refuseBalancer(world, balancer, hostsOfApp(world.inventory, app));
  if (at !== undefined) await refuseClocks(world, app, hosts, at.clockBoundMs);
  const rotation = await balancer.read(hosts, world.signal);
  const cut = await cutApp({inventory: world.inventory, app, store, snapshot: snapshot as SnapshotId, signal: world.signal});
  await warnOfDangling(world, app, cut?.parts.values() ?? []);
  const releaseFor = (host: Host): string => cut?.parts.get(host.name)?.manifest.id ?? snapshot;
  const converged = hosts.filter((host) => hasConverged(fleet.states.get(host.name), releaseFor(host), rotation, host.name));
  const serving = new Set(rotation.filter((each) => each.state === 'in').map((each) => each.host.name));
  const changing = orderHosts(
    hosts.filter((host) => !converged.includes(host)),
    serving,
  );
  const planned = changing.map((host): PlannedHost => {
    const live = fleet.states.get(host.name)?.live;
    return {name: host.name, silo: host.silo, to: releaseFor(host), ...(live === undefined ? {} : {from: live})};
  });
  const shared = cut === undefined ? undefined : await planParts(world, {app, store, assignment: cut.assignment, balancer, fleet, planned});
  const untimed = planRollout(world, {command: 'deploy', app, skip, hosts: planned, ...shared, ...(cut === undefined ? {} : {snapshot})});
  const plan = at === undefined ? untimed : timePlan(untimed, app, at, countSilos(hostsOfApp(world.inventory, app)));
  const budget = plan.at === undefined ? plan.budget : 0;
  await announcePlan(world, plan, app, snapshot);
  const naming = namingParts(world, fleet.states, cut === undefined ? undefined : {snapshot, releases: [...listIds(cut).values()]});
  for (const host of converged) await naming.emit({kind: 'host-ended', host: host.name, outcome: 'unchanged', release: releaseFor(host)});
  if (plan.hosts.length > 0 && !(await approve(plan))) {
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
  return runRollout(naming, {app, plan, balancer, unusable, startedMs, protect: [snapshot]});
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

/** Another run on any of the hosts refuses this one before it takes its first lease. */
export function refuseLeased(fleet: FleetReport, ours?: string): void {
  const problems = [...fleet.states].flatMap(([host, {lease}]): Problem[] => {
    if (lease === undefined || lease.leftSeconds === 0 || lease.run === ours) return [];
    const why = lease.reason === '' ? '' : ` (${lease.reason})`;
    return [
      {
        code: 'leased',
        message: `${host} is leased by ${lease.owner} for run ${lease.run}${why}, ${lease.leftSeconds} s left`,
        host,
        fix: `wait, or if that run is dead: drover resume ${lease.run}`,
      },
    ];
  });
  const [first, ...more] = problems;
  if (first !== undefined) throw new DroverError(first, ...more);
}

/** Every balancer answers and knows every host, or nothing is touched. */
export async function refuseBalancer(world: World, balancer: Balancer, hosts: readonly Host[]): Promise<void> {
  const problems = (await balancer.preflight(hosts, world.signal)).map((message): Problem => ({code: 'refused', message}));
  const [first, ...more] = problems;
  if (first !== undefined) throw new DroverError(first, ...more);
}

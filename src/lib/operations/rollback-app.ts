import {DroverError, type Problem} from '../errors/drover-error.js';
import {fanOut} from '../fanout/fan-out.js';
import {type HostState, provenReleases, rollbackTarget} from '../host/host-state.js';
import type {App} from '../inventory/app.js';
import type {Host} from '../inventory/host.js';
import type {PlannedHost, RolloutPlan} from '../rollout/plan.js';
import type {Store} from '../snapshot/store.js';
import type {Balancer} from '../traffic/balancer.js';
import {assignApp} from './app-parts.js';
import {orderHosts, refuseBalancer} from './deploy-app.js';
import {endLeases} from './end-leases.js';
import {LeaseWait} from './free-fleet.js';
import {namingParts, snapshotsOf} from './name-snapshots.js';
import {noteParts} from './note-parts.js';
import {runStep, useHost} from './on-host.js';
import {readOthers, refusePastContract} from './once-contract.js';
import {planParts} from './plan-holders.js';
import {hostsOfApp, planRollout} from './plan-rollout.js';
import {type FleetReport, findUnfit, readFleet} from './read-fleet.js';
import {refuseEmbargo} from './refuse-embargo.js';
import {refusePinned} from './refuse-pinned.js';
import {findPlanned, holdToReview, type ReviewedPlan, refuseForeign, refuseStale} from './reviewed-plan.js';
import type {RunEnd} from './run-end.js';
import {announcePlan, runRollout} from './run-rollout.js';
import {chooseSnapshotBack, findPartBack, hasParts, listSnapshots} from './snapshot-back.js';
import {tellUnsafe} from './tell-unsafe.js';
import {findRecorded, isHalfWay} from './unfinished-rollout.js';
import type {World} from './world.js';

export interface RollbackOptions {
  readonly app: App;
  /** A release, or the start of its id; undefined: what each host's own journal calls good before the live one. */
  readonly to: string | undefined;
  /** Asked for when `to` names a release, or hosts hold parts: a rollback to what was good needs no store. */
  readonly openStore: () => Store;
  /** The embargo of a release named by `to` does not hold, for the run's reason. */
  readonly ignoreEmbargo: boolean;
  /** A release that served before a contract may come back, for the run's reason. */
  readonly pastContract: boolean;
  readonly hosts: readonly Host[];
  readonly balancer: Balancer;
  /** Safeties that were left out, by the names of their flags, for the run's reason. */
  readonly unsafe?: readonly string[];
  /** How long to wait for the leases of others. */
  readonly waitLeaseMs?: number;
  /** The run whose leases end here and now, alive as it may be: it is what goes wrong. */
  readonly takeover?: string;
  readonly reviewed?: ReviewedPlan;
  readonly approve: (plan: RolloutPlan, fleet: FleetReport) => Promise<boolean>;
}

/**
 * Takes hosts back, under the same floors and gates as a deploy, without moving a byte: each to what its own journal says was confirmed
 * there. Rolling back twice changes nothing. A host that has no such release, or a damaged one, refuses the run before it begins.
 */
export async function rollbackApp(world: World, options: RollbackOptions): Promise<RunEnd> {
  const {app, hosts, unsafe = [], reviewed, takeover} = options;
  const startedMs = world.now();
  await world.emit({
    kind: 'run-started',
    command: 'rollback',
    app: app.name,
    operator: world.operator,
    hosts: hosts.length,
    ...(world.reason === '' ? {} : {reason: world.reason}),
  });
  await tellUnsafe(world, unsafe);
  if (reviewed !== undefined) refuseForeign(world, app, reviewed);
  if (takeover !== undefined) {
    const {states} = await readFleet(world, app, hosts);
    await endLeases(world, {app, states, run: takeover, takeover: true});
  }
  const wait = new LeaseWait(world, options.waitLeaseMs ?? 0);
  for (;;) {
    const end = await rollbackOnce(world, options, {startedMs, wait});
    if (end !== 'leased') return end;
    await wait.pause();
  }
}

/** From the question to every host until the end; `leased` when another run was faster by a moment and there is time to wait for it. */
async function rollbackOnce(
  world: World,
  options: RollbackOptions,
  {startedMs, wait}: {readonly startedMs: number; readonly wait: LeaseWait},
): Promise<RunEnd | 'leased'> {
  const {app, to, hosts, balancer, approve, unsafe = [], reviewed} = options;
  const {fleet} = await wait.free(
    async () => ({fleet: await readFleet(world, app, hosts)}),
    () => undefined,
  );
  if (reviewed !== undefined) await refuseStale(world, app, reviewed, fleet);
  const [unfit, ...more] = findUnfit(fleet);
  if (unfit !== undefined) throw new DroverError(unfit, ...more);
  if (fleet.problems.size > app.roll.budget || fleet.problems.size === hosts.length) {
    const [problem, ...others] = fleet.problems.values();
    if (problem !== undefined) throw new DroverError(problem, ...others);
  }
  const snapshot = hasParts(fleet.states) ? chooseBack(fleet.states, reviewed?.file.rollout.snapshot ?? to) : undefined;
  const isPlain = to === undefined && reviewed === undefined && snapshot === undefined;
  const recorded = isPlain ? await findRecorded(world, app, fleet) : undefined;
  const targets = hosts.flatMap((host): {host: Host; target: Target}[] => {
    const state = fleet.states.get(host.name);
    if (state === undefined) return [];
    const wanted = reviewed === undefined ? (to ?? recorded?.get(host.name)?.release) : findPlanned(reviewed, host.name)?.to;
    return [{host, target: snapshot === undefined ? findTarget(host, state, wanted) : findPart(host, state, snapshot)}];
  });
  const [refused, ...others] = targets.flatMap(({target}) => (target.kind === 'refused' ? [target.problem] : []));
  if (refused !== undefined) throw new DroverError(refused, ...others);
  const moving = targets.flatMap(({host, target}) =>
    target.kind === 'release' ? [{host, to: target.id, from: fleet.states.get(host.name)?.live}] : [],
  );
  if (to !== undefined) {
    const snapshots = snapshot === undefined ? moving.map((each) => each.to) : [snapshot];
    await refuseEmbargo(world, {app, store: options.openStore(), snapshots, whenMs: startedMs, ignored: options.ignoreEmbargo});
  }
  await refusePinned(world, {
    ...{app, fleet, releases: new Map(moving.map(({host, to: id}) => [host.name, id])), snapshot, allowed: unsafe.includes('allow-pinned')},
  });
  if (!options.pastContract) {
    const moves = moving.map(({host, to: id}) => ({host: host.name, to: id}));
    refusePastContract(fleet.states, await readOthers(world, app, hosts), moves);
  }
  await verifyTargets(world, app, moving);
  await refuseBalancer(world, balancer, hostsOfApp(world.inventory, app));
  const rotation = await balancer.read(hosts, world.signal);
  for (const {host, target} of reviewed === undefined ? targets : []) {
    const state = fleet.states.get(host.name);
    if (target.kind === 'unchanged' && state !== undefined && isHalfWay(state, rotation, host.name))
      moving.push({host, to: state.live ?? '', from: state.live});
  }
  const serving = new Set(rotation.filter((each) => each.state === 'in').map((each) => each.host.name));
  // A reviewed plan has its hosts, and their order.
  const order =
    reviewed === undefined
      ? orderHosts(
          moving.map((each) => each.host),
          serving,
        )
      : hosts;
  moving.sort((one, other) => order.indexOf(one.host) - order.indexOf(other.host));
  const planned = moving.map(
    ({host, to: id, from}): PlannedHost => ({
      ...{name: host.name, silo: host.silo, to: id},
      ...(from === undefined ? {} : {from}),
      ...describePin(fleet.states.get(host.name), id),
    }),
  );
  const assignment = snapshot === undefined ? undefined : assignApp(world.inventory, app);
  const shared =
    assignment === undefined ? undefined : await planParts(world, {app, store: options.openStore(), assignment, balancer, fleet, planned});
  const bare = planRollout(world, {
    command: 'rollback',
    app,
    hosts: planned,
    ...shared,
    ...(snapshot === undefined ? {} : {snapshot}),
  });
  const careless: RolloutPlan = unsafe.length === 0 ? bare : {...bare, unsafe};
  const plan = reviewed === undefined ? careless : holdToReview(world, app, reviewed, careless);
  const ids = new Set(moving.map((each) => each.to));
  await announcePlan(world, plan, app, snapshot ?? (ids.size === 1 ? [...ids][0] : undefined));
  const naming = namingParts(world, fleet.states, snapshot === undefined ? undefined : {snapshot, releases: [...ids]});
  for (const {host, target} of targets) {
    if (target.kind === 'unchanged' && !moving.some((each) => each.host === host))
      await naming.emit({
        kind: 'host-ended',
        host: host.name,
        outcome: 'unchanged',
        why: target.why,
        ...(target.live === undefined ? {} : {release: target.live}),
      });
  }
  if (plan.hosts.length > 0 && !(await approve(plan, fleet))) {
    throw new DroverError({code: 'refused', message: 'not approved; nothing was changed', fix: 'confirm the plan, or pass --yes'});
  }
  if (snapshot !== undefined) {
    const parts = targets.flatMap(({host, target}) => {
      const part = target.kind === 'release' ? target.id : fleet.states.get(host.name)?.live;
      return part === undefined ? [] : [{host, part}];
    });
    await noteParts(world, {app, snapshot, run: world.run, states: fleet.states, parts});
  }
  for (const problem of fleet.problems.values()) {
    await world.emit({kind: 'host-ended', host: problem.host ?? '', outcome: 'skipped', code: problem.code, why: problem.message});
  }
  const ends = {app, plan, balancer, unusable: new Map(), startedMs, protect: [...ids], debt: fleet.problems.size};
  return runRollout(naming, {...ends, mayRetry: () => wait.isOpen});
}

/**
 * What a host leaves turned out bad, and is pinned out: unless it goes forward again, to what was proven after it.
 */
function describePin(state: HostState | undefined, to: string): {readonly pinsOut?: string} {
  const from = state?.live;
  if (state === undefined || from === undefined || from === to) return {};
  const first = (id: string): number => state.journal.findIndex((line) => line.event === 'confirmed' && line.detail === id);
  if (first(from) >= 0 && first(from) < first(to)) return {};
  return {pinsOut: snapshotsOf(state, from).at(-1)?.snapshot ?? from};
}

type Target =
  | {readonly kind: 'release'; readonly id: string}
  | {readonly kind: 'unchanged'; readonly why: string; readonly live: string | undefined}
  | {readonly kind: 'refused'; readonly problem: Problem};

/** The snapshot that hosts with parts go back to, all to the same. Throws `refused`, or `usage` when words name several. */
function chooseBack(states: ReadonlyMap<string, HostState>, to: string | undefined): string {
  const refuse = (code: 'refused' | 'usage', message: string, fix: string): never => {
    throw new DroverError({code, message, fix});
  };
  if (to === undefined) {
    const back = chooseSnapshotBack(states);
    return (
      back ?? refuse('refused', 'there is no earlier snapshot whose part is healthy on every host', 'name one with --to, or deploy one')
    );
  }
  const [only, ...more] = listSnapshots(states).filter((id) => id.startsWith(to));
  if (only === undefined) return refuse('refused', `no host holds a part of snapshot "${to}"`, 'push it and deploy it instead');
  return more.length === 0 ? only : refuse('usage', `snapshot "${to}" matches ${more.length + 1}`, 'give more characters');
}

function findPart(host: Host, state: HostState, snapshot: string): Target {
  const way = findPartBack(state, snapshot);
  if (way.kind === 'release') return way;
  if (way.kind === 'same') return {kind: 'unchanged', why: `serves its part of ${snapshot.slice(0, 12)} already`, live: state.live};
  const message = `no part of ${snapshot.slice(0, 12)} was ever confirmed healthy on ${host.name}, or it is gone`;
  return {kind: 'refused', problem: {code: 'refused', message, host: host.name, fix: 'deploy it instead'}};
}

function findTarget(host: Host, state: HostState, to: string | undefined): Target {
  const refuse = (message: string, fix: string): Target => ({kind: 'refused', problem: {code: 'refused', message, host: host.name, fix}});
  if (to !== undefined) {
    if (state.live?.startsWith(to)) return {kind: 'unchanged', why: 'serves it already', live: state.live};
    const [id, ...more] = state.releases.filter((release) => release.startsWith(to));
    if (id === undefined) return refuse(`host ${host.name} does not hold release "${to}"`, 'push it and deploy it instead');
    if (more.length > 0)
      return {
        kind: 'refused',
        problem: {
          code: 'usage',
          message: `release "${to}" matches ${more.length + 1} on ${host.name}`,
          host: host.name,
          fix: 'give more characters',
        },
      };
    if (!provenReleases(state).includes(id))
      return refuse(`release ${id.slice(0, 12)} was never confirmed healthy on ${host.name}`, 'deploy it instead');
    return {kind: 'release', id};
  }
  const target = rollbackTarget(state);
  switch (target.kind) {
    case 'release':
      return target;
    case 'already':
      return {kind: 'unchanged', why: `run ${target.run} took it back already; name a release with --to to go further`, live: state.live};
    case 'none':
      return refuse(`host ${host.name} has no earlier healthy release`, 'deploy one instead');
  }
}

/** A release that lost a byte since it was staged must not be gone back to. */
async function verifyTargets(world: World, app: App, moving: readonly {readonly host: Host; readonly to: string}[]): Promise<void> {
  const outcomes = await fanOut(
    moving,
    ({host, to}) => runStep(world, {host, step: 'verify', action: () => useHost(world, host, app, (on) => on.verify(to))}),
    {
      concurrency: world.concurrency,
      random: world.random,
      signal: world.signal,
      drain: world.interrupted,
    },
  );
  const problems = outcomes.flatMap((outcome) =>
    outcome.kind === 'failed'
      ? [outcome.problem.code === 'integrity' ? {...outcome.problem, fix: 'choose another release with --to'} : outcome.problem]
      : [],
  );
  const [first, ...more] = problems;
  if (first !== undefined) throw new DroverError(first, ...more);
}

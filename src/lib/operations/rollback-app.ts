import {DroverError} from '../errors/drover-error.js';
import type {App} from '../inventory/app.js';
import {foldHostSet} from '../inventory/folded-hosts.js';
import type {Host} from '../inventory/host.js';
import type {PlannedHost, RolloutPlan} from '../rollout/plan.js';
import type {Store} from '../snapshot/store.js';
import type {Balancer} from '../traffic/balancer.js';
import {assignApp} from './app-parts.js';
import {orderHosts, refuseBalancer} from './deploy-app.js';
import {endLeases} from './end-leases.js';
import {LeaseWait} from './free-fleet.js';
import {namingParts} from './name-snapshots.js';
import {noteParts} from './note-parts.js';
import {readOthers, refusePastContract} from './once-contract.js';
import {planParts} from './plan-holders.js';
import {hostsOfApp, planRollout} from './plan-rollout.js';
import {digestPlan} from './plan-text.js';
import {type FleetReport, findUnfit, readFleet} from './read-fleet.js';
import {refuseEmbargo} from './refuse-embargo.js';
import {refusePinned} from './refuse-pinned.js';
import {findPlanned, holdToReview, type ReviewedPlan, refuseForeign, refuseStale} from './reviewed-plan.js';
import {chooseBack, describePin, findTargets, isNamed, verifyTargets} from './rollback-target.js';
import type {RunEnd} from './run-end.js';
import {announcePlan, runRollout} from './run-rollout.js';
import {hasParts} from './snapshot-back.js';
import {tellUnsafe} from './tell-unsafe.js';
import {findRecorded, findRecordedSnapshot, isHalfWay} from './unfinished-rollout.js';
import type {World} from './world.js';

export interface RollbackOptions {
  readonly app: App;
  /** A release, or the start of its id; undefined: what each host's own journal calls good before the live one. */
  readonly to: string | undefined;
  /** Asked for when `to` names a release, or hosts hold parts: a rollback to what was good needs no store. */
  readonly openStore: () => Store | Promise<Store>;
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
  /** The run whose leases end once the plan is approved, alive as it may be: it is what goes wrong. */
  readonly takeover?: string;
  readonly reviewed?: ReviewedPlan;
  /** The plan of a rollback that did not end, which leads hosts where this one is to. */
  readonly continues?: RolloutPlan;
  readonly approve: (plan: RolloutPlan, fleet: FleetReport) => Promise<boolean>;
}

/**
 * Takes hosts back, under the same floors and gates as a deploy, without moving a byte: each to what its own journal says was confirmed
 * there. Rolling back twice changes nothing. A host that has no such release, or a damaged one, refuses the run before it begins.
 */
export async function rollbackApp(world: World, options: RollbackOptions): Promise<RunEnd> {
  const {app, hosts, unsafe = []} = options;
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
  return carryBack(world, options, startedMs);
}

/** A rollback, once its beginning was told. */
export async function carryBack(world: World, options: RollbackOptions, startedMs: number): Promise<RunEnd> {
  const {app, reviewed} = options;
  if (reviewed !== undefined) refuseForeign(world, app, reviewed);
  const wait = new LeaseWait(world, options.waitLeaseMs ?? 0);
  let approved: string | undefined;
  for (;;) {
    const attempt = await rollbackOnce(world, options, {startedMs, wait, approved});
    if (attempt.kind === 'ended') return attempt.end;
    if (attempt.kind === 'leased') await wait.pause();
    else approved = attempt.approved;
  }
}

/**
 * `leased`: another run was faster by a moment, and there is time to wait for it. `took-over`: the plan of this digest was approved, and the leases
 * of the run that was in its way are ended; what that run has done until then is to be looked at.
 */
type Attempt =
  | {readonly kind: 'ended'; readonly end: RunEnd}
  | {readonly kind: 'leased'}
  | {readonly kind: 'took-over'; readonly approved: string};

/** From the question to every host until the end. `approved`: the plan that was approved before a takeover; only another one is asked about. */
async function rollbackOnce(
  world: World,
  options: RollbackOptions,
  {startedMs, wait, approved}: {readonly startedMs: number; readonly wait: LeaseWait; readonly approved: string | undefined},
): Promise<Attempt> {
  const {app, to, hosts, balancer, approve, unsafe = [], reviewed, continues} = options;
  const takeover = approved === undefined ? options.takeover : undefined;
  const {fleet} = await wait.free(
    async () => ({fleet: await readFleet(world, app, hosts)}),
    () => takeover,
  );
  if (reviewed !== undefined) await refuseStale(world, app, reviewed, fleet);
  const [unfit, ...more] = findUnfit(fleet);
  if (unfit !== undefined) throw new DroverError(unfit, ...more);
  if (fleet.problems.size > app.roll.budget || fleet.problems.size === hosts.length) {
    const [problem, ...others] = fleet.problems.values();
    if (problem !== undefined) throw new DroverError(problem, ...others);
  }
  const recorded = to === undefined ? await findRecorded(world, app, fleet) : undefined;
  const isShared = hasParts(fleet.states);
  const back = recorded === undefined || !isShared ? undefined : findRecordedSnapshot(fleet.states, recorded);
  const snapshot = isShared ? chooseBack(fleet.states, reviewed?.file.rollout.snapshot ?? to ?? continues?.snapshot ?? back) : undefined;
  const goalOf = (host: string): string | undefined => continues?.hosts.find(({name}) => name === host)?.to;
  const releaseOf = ({name}: Host): string | undefined =>
    findPlanned(reviewed, name)?.to ?? to ?? goalOf(name) ?? recorded?.get(name)?.release;
  const targets = findTargets(hosts, fleet.states, {snapshot, releaseOf});
  const [refused, ...others] = targets.flatMap(({target}) => (target.kind === 'refused' ? [target.problem] : []));
  if (refused !== undefined) throw new DroverError(refused, ...others);
  const moving = targets.flatMap(({host, target}) =>
    target.kind === 'release' ? [{host, to: target.id, from: fleet.states.get(host.name)?.live}] : [],
  );
  if (to !== undefined || (reviewed !== undefined && isNamed(fleet.states, targets, {snapshot, back, recorded}))) {
    const snapshots = snapshot === undefined ? moving.map((each) => each.to) : [snapshot];
    await refuseEmbargo(world, {app, store: await options.openStore(), snapshots, whenMs: startedMs, ignored: options.ignoreEmbargo});
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
  for (const {host, target} of targets) {
    const state = fleet.states.get(host.name);
    if (target.kind !== 'unchanged' || state === undefined) continue;
    // A reviewed plan names those that it goes through once more.
    if (reviewed === undefined ? isHalfWay(state, rotation, host.name) : findPlanned(reviewed, host.name) !== undefined)
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
  const planned = order.flatMap((host): readonly PlannedHost[] => {
    const move = moving.find((each) => each.host === host);
    // A reviewed plan keeps its hosts: one that is silent now is found so again, and is debt.
    if (move === undefined)
      return fleet.states.has(host.name) ? [] : [findPlanned(reviewed, host.name)].filter((each) => each !== undefined);
    const from = move.from === undefined ? {} : {from: move.from};
    return [{name: host.name, silo: host.silo, to: move.to, ...from, ...describePin(fleet.states.get(host.name), move.to)}];
  });
  const assignment = snapshot === undefined ? undefined : assignApp(world.inventory, app);
  const shared =
    assignment === undefined
      ? undefined
      : await planParts(world, {app, store: await options.openStore(), assignment, balancer, fleet, planned, reviewed});
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
  const digest = digestPlan(plan);
  const inTheWay = takeover !== undefined && [...fleet.states.values()].some(({lease}) => lease?.run === takeover);
  if (digest !== approved && (plan.hosts.length > 0 || inTheWay) && !(await approve(plan, fleet))) {
    const changed = approved === undefined ? 'nothing' : `the leases of run ${options.takeover} were ended, and nothing else`;
    throw new DroverError({code: 'refused', message: `not approved; ${changed} was changed`, fix: 'confirm the plan, or pass --yes'});
  }
  if (inTheWay) {
    await takeOver(world, app, fleet, takeover);
    return {kind: 'took-over', approved: digest};
  }
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
  if (snapshot !== undefined) {
    const parts = targets.flatMap(({host, target}) => {
      const part = target.kind === 'release' ? target.id : fleet.states.get(host.name)?.live;
      return part === undefined ? [] : [{host, part}];
    });
    await noteParts(world, {app, snapshot, run: world.run, states: fleet.states, parts});
  }
  const left = [...fleet.problems].filter(([name]) => !plan.hosts.some((host) => host.name === name));
  for (const [host, {code, message}] of left) await world.emit({kind: 'host-ended', host, outcome: 'skipped', code, why: message});
  const ends = {app, plan, balancer, unusable: fleet.problems, startedMs, protect: [...ids], debt: left.length};
  const end = await runRollout(naming, {...ends, mayRetry: () => wait.isOpen});
  return end === 'leased' ? {kind: 'leased'} : {kind: 'ended', end};
}

/** Ends the leases of a run as they were seen when the plan was made; what it did since is fenced off from here on. */
async function takeOver(world: World, app: App, {states}: FleetReport, run: string): Promise<void> {
  const hosts = await endLeases(world, {app, states, run, takeover: true});
  await world.emit({kind: 'warning', message: `the lease of run ${run} on ${foldHostSet(hosts)} was ended: ${world.reason}`});
}

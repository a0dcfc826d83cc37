import type {Problem} from '../errors/drover-error.js';
import {DroverError} from '../errors/drover-error.js';
import {fanOut} from '../fanout/fan-out.js';
import type {HostApp} from '../host/host-app.js';
import type {HeldLease} from '../host/host-state.js';
import type {App} from '../inventory/app.js';
import {foldHostSet} from '../inventory/folded-hosts.js';
import type {Host} from '../inventory/host.js';
import {openTask} from '../rollout/due-task.js';
import {isSpare} from '../rollout/holders.js';
import {isChanged} from '../rollout/host-stage.js';
import type {RolloutPlan} from '../rollout/plan.js';
import type {Balancer} from '../traffic/balancer.js';
import {carryOut, type RolloutResult} from './carry-out.js';
import {nameCause} from './lease-host.js';
import {describeError, runStep, useHost} from './on-host.js';
import {boundRollout, hostsOfApp} from './plan-rollout.js';
import {digestPlan, renderPlan} from './plan-text.js';
import {endRun, type RunEnd} from './run-end.js';
import {findWork} from './worker-role.js';
import type {World} from './world.js';

/** Says what will happen. */
export async function announcePlan(world: World, plan: RolloutPlan, app: App, snapshot: string | undefined): Promise<void> {
  const slowest = Math.max(0, ...world.inventory.hosts.map((host) => host.ssh.connectTimeoutMs));
  await world.emit({
    kind: 'planned',
    digest: digestPlan(plan),
    waves: plan.waves,
    boundMs: boundRollout(plan, app, slowest),
    ...(snapshot === undefined ? {} : {snapshot}),
    ...(plan.at === undefined ? {} : {instant: plan.at.time}),
    ...(plan.review === undefined ? {} : {author: plan.review.author, approvedBy: plan.review.approvedBy}),
  });
}

/** Carries a plan out and ends the run: debt kept out of rotation, old releases pruned, the next command named. */
export async function runRollout(
  world: World,
  options: {
    readonly app: App;
    readonly plan: RolloutPlan;
    /** The plan as hosts keep it, where a resumed run carries out only the rest of it. */
    readonly kept?: string;
    readonly balancer: Balancer;
    readonly unusable: ReadonlyMap<string, Problem>;
    readonly startedMs: number;
    /** Releases that pruning must leave. */
    readonly protect: readonly string[];
    /** Hosts that could not be asked and are not in the plan. */
    readonly debt?: number;
    readonly isResumed?: boolean;
    /** Hosts that hold the plan and have no part in what is carried out of it, with the lease that was seen there. */
    readonly others?: ReadonlyMap<string, HeldLease | undefined>;
    /** Asked when another run was faster: true leaves the run open, for its caller to plan anew. */
    readonly mayRetry?: () => boolean;
  },
): Promise<RunEnd | 'leased'> {
  const {
    app,
    plan,
    balancer,
    unusable,
    startedMs,
    protect,
    debt = 0,
    kept = renderPlan(plan),
    isResumed = false,
    others = new Map<string, HeldLease | undefined>(),
  } = options;
  if (plan.hosts.length === 0) return endRun(world, startedMs, debt === 0 ? 'converged' : 'needs-attention');
  const mayRetry = options.mayRetry ?? (() => false);
  const members = new Map<string, Host>(world.inventory.hosts.map((host) => [host.name, host]));
  const carried = await carryOut(world, {app, plan, kept, balancer, hosts: members, unusable, isResumed});
  const isIndebted = (carried.outcome === 'converged' && debt > 0) || (isAtRest(carried.outcome) && carried.closed.length > 0);
  const result: RolloutResult = isIndebted ? {...carried, outcome: 'needs-attention'} : carried;
  if (!world.signal.aborted) {
    if (result.outcome === 'needs-attention') await keepDebtOut(world, app, plan, balancer, result);
    if (result.outcome === 'converged' || result.outcome === 'needs-attention') await pruneHosts(world, app, result, protect);
  }
  if (!world.signal.aborted && (carried.outcome === 'rolled-back' || carried.outcome === 'refused'))
    await closeRun(world, app, plan, {unusable, others, result: carried});
  if (result.outcome === 'refused' && result.code === 'leased' && !world.signal.aborted && mayRetry()) return 'leased';
  if (
    result.why !== undefined &&
    (result.outcome === 'refused' || result.state.stop?.kind === 'task' || result.state.stop?.kind === 'expired')
  )
    await world.emit({kind: 'warning', message: result.why});
  return endRun(world, startedMs, result.outcome, {
    ...(result.code === undefined ? {} : {code: result.code}),
    ...(isIndebted && carried.outcome === 'rolled-back' ? {next: `drover status ${app.name}`} : nextCommand(plan, result)),
  });
}

/**
 * Hosts that the run went round would serve an old release once they are back: they are taken out of rotation, as far as the floor
 * allows, until a later run reconciles them.
 */
async function keepDebtOut(world: World, app: App, plan: RolloutPlan, balancer: Balancer, result: RolloutResult): Promise<void> {
  if (!['haproxy', 'nginx', 'varnish'].includes(balancer.kind)) return;
  const hosts = hostsOfApp(world.inventory, app);
  for (const {name, silo} of plan.hosts) {
    if (result.state.hosts.get(name)?.kind !== 'lost') continue;
    const host = hosts.find((each) => each.name === name);
    if (host === undefined || findWork(app, host) !== undefined) continue;
    try {
      const seen = plan.holders === undefined ? hosts.filter((each) => each.silo === silo) : hosts;
      const everywhere = (await balancer.read(seen, world.signal)).filter((each) => each.state === 'in');
      const serving = everywhere.filter((each) => each.host.silo === silo);
      const isServing = serving.some((each) => each.host.name === name);
      const isLast = !isSpare(
        result.state,
        name,
        everywhere.map((each) => each.host.name),
      );
      if (isServing && (isLast || serving.length - 1 < (plan.floors[silo] ?? 0))) {
        const why = isLast ? 'what it holds would be out with it' : 'the floor of its silo needs it';
        await world.emit({kind: 'warning', host: name, message: `still in rotation with its old release: ${why}`});
        continue;
      }
      await runStep(world, {host, step: 'drain', action: () => balancer.drain(host, world.signal)});
    } catch (error) {
      if (!(error instanceof DroverError)) throw error;
      await world.emit({kind: 'warning', host: name, message: `could not be kept out of rotation: ${describeError(error)}`});
    }
  }
}

/** Hosts that were staged and never leased, or leased and never moved by a part of the run that died, still hold the plan of a run that is over: there is nothing to resume there. */
async function closeRun(
  world: World,
  app: App,
  plan: RolloutPlan,
  {
    unusable,
    others,
    result,
  }: {
    readonly unusable: ReadonlyMap<string, Problem>;
    readonly others: ReadonlyMap<string, HeldLease | undefined>;
    readonly result: RolloutResult;
  },
): Promise<void> {
  const left = world.inventory.hosts.filter(({name}) => {
    if (others.has(name)) return true;
    const stage = result.state.hosts.get(name);
    return stage !== undefined && stage.kind === 'lost' && !stage.touched && unusable.get(name)?.code !== 'unreachable';
  });
  const close = async (on: HostApp, host: Host): Promise<void> => {
    const lease = others.get(host.name);
    // Whoever began the run is dead, or is to hear that it is over.
    if (lease?.run === plan.run)
      await on.endLease({run: plan.run, epoch: lease.epoch, owner: world.operator, reason: nameCause(plan.reason), takeover: true});
    await on.closeRun(plan.run, result.outcome);
  };
  await fanOut(left, (host) => useHost(world, host, app, (on) => close(on, host)), {
    concurrency: world.concurrency,
    random: world.random,
    signal: world.signal,
    retry: {attempts: 1, firstDelayMs: 0, maxDelayMs: 0},
  });
}

/** The command that moves a host once more to where it is: its worker is paused and resumed on the way. */
function again({command, app, snapshot, hosts}: RolloutPlan, {closed}: RolloutResult): string {
  const to = (snapshot ?? hosts.find(({name}) => name === closed[0])?.to ?? '').slice(0, 12);
  return command === 'deploy' ? `deploy ${app} ${to}` : `rollback ${app} --to ${to}`;
}

function isAtRest(outcome: RolloutResult['outcome']): boolean {
  return outcome === 'converged' || outcome === 'rolled-back';
}

/** What to type next: hosts that were never touched hold nothing of the run, so that they are named; otherwise the run is resumed. */
function nextCommand(plan: RolloutPlan, result: RolloutResult): {next?: string} {
  if (result.outcome === 'converged' && openTask(result.state, 'after') !== undefined) return {next: `drover resume ${plan.run}`};
  if (result.outcome !== 'needs-attention' && result.outcome !== 'interrupted') return {};
  if (result.state.stop?.kind === 'fenced') return {};
  // A new run would begin the tasks of this one anew.
  if (plan.once !== undefined && result.state.stop?.kind !== 'expired' && openTask(result.state, 'after') !== undefined)
    return {next: `drover resume ${plan.run}`};
  // Waiting for its time was called off, and all is as before.
  if (plan.at !== undefined && result.outcome === 'interrupted' && !plan.hosts.some(({name}) => isChanged(result.state.hosts.get(name))))
    return {};
  const isExpired = result.state.stop?.kind === 'expired';
  const open = plan.hosts.filter(({name}) => result.state.hosts.get(name)?.kind !== 'done');
  const untouched = open.filter(({name}) => {
    const stage = result.state.hosts.get(name);
    return (stage?.kind === 'lost' || (stage?.kind === 'ready' && isExpired)) && !stage.touched;
  });
  if (open.length === 0 && result.closed.length > 0) return {next: `drover ${again(plan, result)} --hosts ${foldHostSet(result.closed)}`};
  if (open.length === 0 || untouched.length < open.length || plan.back !== undefined) return {next: `drover resume ${plan.run}`};
  const to = plan.command === 'deploy' ? ` ${(plan.snapshot ?? open[0]?.to ?? '').slice(0, 12)}` : '';
  const reviewed = plan.review === undefined ? '' : ' --plan-out plan.json';
  return {next: `drover ${plan.command} ${plan.app}${to} --hosts ${foldHostSet(open.map(({name}) => name))}${reviewed}`};
}

/** Old releases go once the fleet has moved; a host that cannot is a warning, never a failure of the run. */
async function pruneHosts(world: World, app: App, result: RolloutResult, protect: readonly string[]): Promise<void> {
  const moved = world.inventory.hosts.filter((host) => result.state.hosts.get(host.name)?.kind === 'done');
  await fanOut(
    moved,
    async (host) => {
      await useHost(world, host, app, (on) => on.prune(app.roll.keep, protect));
    },
    {
      concurrency: world.concurrency,
      random: world.random,
      signal: world.signal,
      onOutcome: async (outcome) => {
        if (outcome.kind === 'failed')
          await world.emit({kind: 'warning', host: outcome.item.name, message: `old releases were not pruned: ${outcome.problem.message}`});
      },
    },
  );
}

import {DroverError} from '../errors/drover-error.js';
import type {WavePlan} from '../events/event.js';
import type {App} from '../inventory/app.js';
import {boundRampMs} from '../inventory/drain-bound.js';
import {formatDuration} from '../inventory/duration.js';
import type {Host, Inventory} from '../inventory/host.js';
import {matchExpression} from '../inventory/selection.js';
import type {Holders, MoveStep, OncePlan, PlannedHost, RolloutPlan} from '../rollout/plan.js';
import {planOrderedWaves, planWaves, resolveFloor} from '../rollout/waves.js';
import {longestAdmitMs, longestDrainMs} from './app-balancer.js';
import {groupByRole} from './role-order.js';
import {planPauses, takesOut} from './worker-role.js';
import type {World} from './world.js';

/** Every host that carries the app, selected or not: floors count them all. */
export function hostsOfApp(inventory: Inventory, app: App): readonly Host[] {
  return matchExpression(inventory, app.hosts, `apps.${app.name}.hosts`);
}

/** The steps that this app's settings ask for, in order. */
export function stepsOfApp(app: App, command: 'deploy' | 'rollback', skip: ReadonlySet<MoveStep> = new Set()): readonly MoveStep[] {
  const steps: MoveStep[] = [];
  if (takesOut(app)) steps.push('drain');
  steps.push('switch');
  if (app.restart !== undefined) steps.push('restart');
  if (app.health.length > 0) steps.push('health');
  if (app.warm !== undefined && command === 'deploy') steps.push('warm');
  if (takesOut(app)) steps.push('admit');
  steps.push('confirm');
  return steps.filter((step) => !skip.has(step));
}

/** The plan for hosts that will change; deterministic in its inputs. Refuses a floor that cannot be kept. */
export function planRollout(
  world: Pick<World, 'inventory' | 'run' | 'operator' | 'reason'>,
  options: {
    readonly command: 'deploy' | 'rollback';
    readonly app: App;
    readonly hosts: readonly PlannedHost[];
    readonly skip?: ReadonlySet<MoveStep>;
    /** Where content is shared out: who stands in for whom, and the snapshot that releases are parts of. */
    readonly holders?: readonly Holders[];
    readonly snapshot?: string;
  },
): RolloutPlan {
  const {command, app, hosts, skip, holders, snapshot} = options;
  refuseHastyConfirm(app);
  const floors: Record<string, number> = {};
  const members = hostsOfApp(world.inventory, app);
  for (const silo of new Set(hosts.map((host) => host.silo))) {
    const total = members.filter((host) => host.silo === silo).length;
    const floor = resolveFloor(app.roll.floor, total);
    if (floor >= total && total > 0 && takesOut(app)) {
      throw new DroverError({
        code: 'refused',
        message: `floor ${floor} leaves none of the ${total} hosts of silo "${silo}" to be taken out`,
        fix: `lower apps.${app.name}.roll.floor or add hosts`,
      });
    }
    floors[silo] = takesOut(app) ? floor : Math.min(floor, Math.max(0, total - 1));
  }
  const groups = groupByRole(world.inventory, app, command, hosts);
  const pauses = planPauses(world.inventory, app, hosts);
  const waves = groups === undefined ? planWaves(hosts, app.roll.waves) : planOrderedWaves(groups, app.roll.waves);
  return {
    v: 1,
    run: world.run,
    command,
    app: app.name,
    operator: world.operator,
    reason: world.reason,
    hosts,
    waves,
    floors,
    budget: app.roll.budget,
    soakMs: command === 'deploy' ? app.roll.soakMs : 0,
    confirmMs: app.roll.confirmMs,
    steps: stepsOfApp(app, command, skip),
    ...(groups === undefined ? {} : {order: groups.map((group) => group.hosts.map((host) => host.name))}),
    ...(pauses.length === 0 ? {} : {pauses}),
    ...planOnce(command, app, waves),
    ...(holders === undefined ? {} : {holders}),
    ...(snapshot === undefined ? {} : {snapshot}),
  };
}

/** What runs once, in a deploy, and who may run it: in the order in which hosts move. */
function planOnce(command: 'deploy' | 'rollback', {once}: App, waves: readonly WavePlan[]): {readonly once?: OncePlan} {
  if (command !== 'deploy' || once === undefined) return {};
  return {once: {...once, hosts: waves.flatMap((wave) => wave.hosts)}};
}

/** A host whose gate may take longer than its dead-man's switch would go back in the middle of the gate, and hide why it failed. */
function refuseHastyConfirm(app: App): void {
  const gateMs =
    app.health.reduce((longest, probe) => Math.max(longest, probe.deadlineMs), 0) + (app.warm?.deadlineMs ?? 0) + boundRampMs(app.drain);
  if (app.roll.confirmMs === 0 || app.roll.confirmMs > gateMs) return;
  const what = boundRampMs(app.drain) === 0 ? 'health and warming' : 'health, warming and the ramp';
  throw new DroverError({
    code: 'refused',
    message: `apps.${app.name}.roll.confirm is ${formatDuration(app.roll.confirmMs)}, but ${what} may take ${formatDuration(gateMs)}: hosts would go back in the middle`,
    fix: 'raise confirm, or shorten their deadlines',
  });
}

/**
 * The worst case of a run: every host of a wave one after another as the floor may force, every step to its deadline. Printed in the plan.
 */
export function boundRollout(plan: RolloutPlan, app: App, connectTimeoutMs: number): number {
  const probeMs = app.health.reduce((longest, probe) => Math.max(longest, probe.deadlineMs), 0);
  const perStep: Record<MoveStep, number> = {
    drain: longestDrainMs(app),
    arm: 120_000,
    switch: 120_000,
    restart: restartSeconds * 1000,
    health: probeMs,
    warm: app.warm?.deadlineMs ?? 0,
    admit: longestAdmitMs(app),
    confirm: 120_000,
    revert: 120_000,
  };
  const perHost = plan.steps.reduce((sum, step) => sum + perStep[step], 0);
  const moves = plan.waves.reduce((sum, wave) => {
    const members = Math.max(1, wave.hosts.length);
    const free = plan.holders === undefined ? Math.max(1, members - (plan.floors[wave.silo] ?? 0)) : 1;
    return sum + Math.ceil(members / free) * perHost + plan.soakMs;
  }, 0);
  const {once} = plan;
  const tasks = once === undefined ? 0 : [once.before, once.after].filter((task) => task !== undefined).length;
  return connectTimeoutMs * 3 + moves + tasks * ((once?.deadlineMs ?? 0) + 120_000);
}

/** A restart hook that has not ended by then has failed. */
export const restartSeconds = 120;

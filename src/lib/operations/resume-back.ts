import {fanOut} from '../fanout/fan-out.js';
import type {HostState} from '../host/host-state.js';
import type {App} from '../inventory/app.js';
import type {Host} from '../inventory/host.js';
import type {RolloutPlan} from '../rollout/plan.js';
import {useHost} from './on-host.js';
import {carryBack, type RollbackOptions} from './rollback-app.js';
import type {RunEnd} from './run-end.js';
import type {World} from './world.js';

/** Hosts on which the dead-man's switch has undone a rollback that is still open there. What it decided under that run stands. */
export function hasUndone(plan: RolloutPlan, states: ReadonlyMap<string, HostState>): boolean {
  return (
    plan.command === 'rollback' &&
    [...states.values()].some(({decisions, openRuns}) => decisions.get(plan.run) === 'reverted' && openRuns.includes(plan.run))
  );
}

/**
 * Continues a rollback that some host has undone by itself: as a rollback of its own, since that host takes no more orders of the old run, to the same releases.
 * Hosts that other runs have settled since are left alone. Once all have converged the old run is over everywhere.
 */
export async function resumeBack(
  world: World,
  {
    app,
    plan,
    states,
    hosts,
    startedMs,
    ...means
  }: {
    readonly app: App;
    readonly plan: RolloutPlan;
    readonly states: ReadonlyMap<string, HostState>;
    /** All of the plan. */
    readonly hosts: readonly Host[];
    readonly startedMs: number;
  } & Pick<RollbackOptions, 'openStore' | 'balancer' | 'waitLeaseMs' | 'approve'>,
): Promise<RunEnd> {
  const left = hosts.filter(({name}) => {
    const state = states.get(name);
    const from = plan.hosts.find((each) => each.name === name)?.from;
    const isKnown = state?.journal.some(({run, event}) => run === plan.run && event === 'leased') === true;
    return state === undefined || state.openRuns.includes(plan.run) || (!isKnown && state.live === from);
  });
  const {unsafe = []} = plan;
  const end = await carryBack(
    {...world, reason: world.reason === '' ? `continues run ${plan.run}: ${plan.reason}` : world.reason},
    {
      ...{app, hosts: left, to: undefined, ignoreEmbargo: false, unsafe, pastContract: unsafe.includes('past-contract')},
      ...{takeover: plan.run, continues: plan, ...means},
    },
    startedMs,
  );
  if (end.outcome !== 'converged') return end;
  await fanOut(hosts, (host) => useHost(world, host, app, (on) => on.closeRun(plan.run, end.outcome)), {
    concurrency: world.concurrency,
    random: world.random,
    signal: world.signal,
    retry: {attempts: 1, firstDelayMs: 0, maxDelayMs: 0},
  });
  return end;
}

import {DroverError} from '../errors/drover-error.js';
import {type HostState, provenReleases} from '../host/host-state.js';
import type {App} from '../inventory/app.js';
import type {Host} from '../inventory/host.js';
import type {Rotation} from '../traffic/balancer.js';
import {hasConverged} from './deploy-app.js';
import {useHost} from './on-host.js';
import {parsePlan, type StoredPlan} from './plan-text.js';
import type {FleetReport} from './read-fleet.js';
import type {World} from './world.js';

/** What a rollout that did not end has recorded of one host. */
export interface RecordedRelease {
  readonly run: string;
  readonly release: string;
}

/**
 * Where a plain rollback leads on hosts with a rollout that did not end: to what each served before an unfinished deploy, and to where an
 * unfinished rollback was to lead. So hosts that the dead run had reached and hosts that it had not agree. A host without such a run, or whose
 * recorded release is not proven or not there, is left out: its own journal decides. A kept plan that cannot be read is told, and the same run's
 * plan from another host counts.
 */
export async function findRecorded(world: World, app: App, fleet: FleetReport): Promise<ReadonlyMap<string, RecordedRelease>> {
  const plans = new Map<string, StoredPlan>();
  const recorded = new Map<string, RecordedRelease>();
  for (const [name, state] of fleet.states) {
    const host = world.inventory.hosts.find((each) => each.name === name);
    if (host === undefined) continue;
    for (const run of [...state.openRuns].sort().reverse()) {
      const plan = plans.get(run) ?? (await readKept(world, app, host, run));
      if (plan === undefined) continue;
      plans.set(run, plan);
      if (plan.command === 'push') continue;
      const planned = plan.hosts.find((each) => each.name === name);
      const release = plan.command === 'deploy' ? planned?.from : planned?.to;
      if (release !== undefined && provenReleases(state).includes(release)) recorded.set(name, {run, release});
      break;
    }
  }
  return recorded;
}

/** A way back is not to fail for the record of a dead run. */
async function readKept(world: World, app: App, host: Host, run: string): Promise<StoredPlan | undefined> {
  try {
    return parsePlan(await useHost(world, host, app, (on) => on.readPlan(run)), host.name);
  } catch (error) {
    if (!(error instanceof DroverError) || world.signal.aborted) throw error;
    await world.emit({kind: 'warning', host: host.name, message: `${error.message}; the host's own journal decides`});
    return undefined;
  }
}

/** Whether a host that serves its release already was left half way: out of rotation, or not confirmed. It goes through all steps once more. */
export function isHalfWay(state: HostState, rotation: readonly Rotation[], name: string): boolean {
  return state.live !== undefined && provenReleases(state).includes(state.live) && !hasConverged(state, state.live, rotation, name);
}

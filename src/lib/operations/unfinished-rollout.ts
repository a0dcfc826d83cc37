import {DroverError} from '../errors/drover-error.js';
import {type HostState, provenReleases} from '../host/host-state.js';
import type {App} from '../inventory/app.js';
import type {Host} from '../inventory/host.js';
import type {Rotation} from '../traffic/balancer.js';
import {hasConverged} from './deploy-app.js';
import {snapshotsOf} from './name-snapshots.js';
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
 * unfinished rollback was to lead. So hosts that the dead run had reached and hosts that it had not agree, also those that it died too early to
 * leave its plan on. A host without such a run, or whose recorded release is not proven or not there, is left out: its own journal decides, and
 * so it does where the plan cannot be read, with a warning.
 */
export async function findRecorded(world: World, app: App, fleet: FleetReport): Promise<ReadonlyMap<string, RecordedRelease>> {
  const plans = new Map<string, StoredPlan | undefined>();
  const recorded = new Map<string, RecordedRelease>();
  const held = new Set<string>();
  for (const [name, state] of fleet.states) {
    const host = world.inventory.hosts.find((each) => each.name === name);
    if (host === undefined) continue;
    for (const run of [...state.openRuns].sort().reverse()) {
      const plan = plans.get(run) ?? (await readKept(world, app, host, run));
      plans.set(run, plan);
      if (plan === undefined || plan.command === 'push') continue;
      held.add(name);
      const planned = plan.hosts.find((each) => each.name === name);
      const release = plan.command === 'deploy' ? planned?.from : planned?.to;
      if (release !== undefined && provenReleases(state).includes(release)) recorded.set(name, {run, release});
      break;
    }
  }
  for (const [name, state] of fleet.states) {
    const unreached = held.has(name) ? undefined : findUnreached(name, state, [...plans.values()]);
    if (unreached !== undefined) recorded.set(name, unreached);
  }
  return recorded;
}

/** A way back is not to fail for the record of a dead run. */
async function readKept(world: World, app: App, host: Host, run: string): Promise<StoredPlan | undefined> {
  try {
    return parsePlan(await useHost(world, host, app, (on) => on.readPlan(run)), host.name);
  } catch (error) {
    if (!(error instanceof DroverError) || world.signal.aborted) throw error;
    await world.emit({kind: 'warning', host: host.name, message: `${error.message}: what this host's own journal says counts`});
    return undefined;
  }
}

/** What a run leaves on a host that it reaches. */
const moves = new Set(['leased', 'intent', 'confirmed', 'reverted', 'ended']);

/** The newest deploy that was to move this host, never left a word on it, and finds it as it was. */
function findUnreached(name: string, state: HostState, plans: readonly (StoredPlan | undefined)[]): RecordedRelease | undefined {
  const newest = plans
    .flatMap((plan) => (plan?.command === 'deploy' ? [plan] : []))
    .sort((one, other) => (one.run < other.run ? 1 : -1))
    .find((plan) => plan.hosts.some((each) => each.name === name));
  const from = newest?.hosts.find((each) => each.name === name)?.from;
  if (newest === undefined || from === undefined || state.live !== from || !provenReleases(state).includes(from)) return undefined;
  const isLater = state.journal.some(({run, event}) => run >= newest.run && moves.has(event));
  return isLater ? undefined : {run: newest.run, release: from};
}

/**
 * The snapshot that hosts with parts go back to after a rollout that did not end: the newest that what was recorded of each host is a part of, and what the
 * others serve. Undefined where nothing was recorded, or hosts do not agree: their journals decide.
 */
export function findRecordedSnapshot(
  states: ReadonlyMap<string, HostState>,
  recorded: ReadonlyMap<string, RecordedRelease>,
): string | undefined {
  if (recorded.size === 0) return undefined;
  const held = [...states].flatMap(([name, state]) => {
    const release = recorded.get(name)?.release ?? state.live;
    return release === undefined ? [] : [snapshotsOf(state, release)];
  });
  const [first = [], ...others] = held;
  const isShared = (snapshot: string): boolean => others.every((each) => each.some((other) => other.snapshot === snapshot));
  return first.findLast(({snapshot}) => isShared(snapshot))?.snapshot;
}

/** Whether a host that serves its release already was left half way: out of rotation, or not confirmed. It goes through all steps once more. */
export function isHalfWay(state: HostState, rotation: readonly Rotation[], name: string): boolean {
  return state.live !== undefined && provenReleases(state).includes(state.live) && !hasConverged(state, state.live, rotation, name);
}

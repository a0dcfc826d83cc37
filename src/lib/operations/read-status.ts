import type {Pin} from '../host/host-records.js';
import type {HostState} from '../host/host-state.js';
import type {App} from '../inventory/app.js';
import type {Host} from '../inventory/host.js';
import {namePart, nameSnapshots} from './name-snapshots.js';
import {readFleet} from './read-fleet.js';
import {endRun, type RunEnd} from './run-end.js';
import type {World} from './world.js';

/** What one host holds of one app. */
export interface HostStatus {
  readonly host: string;
  readonly silo: string;
  readonly reachable: boolean;
  /** Why it says nothing. */
  readonly why?: string;
  readonly live?: string;
  /** The snapshot that the live release is a part of, where content is shared out. */
  readonly snapshot?: string;
  /** Staged and not live. */
  readonly staged: readonly string[];
  readonly lease?: {readonly run: string; readonly owner: string; readonly reason: string; readonly leftSeconds: number};
  /** What was taken back there and is not shipped again unasked, newest last. */
  readonly pins: readonly Pin[];
  /** The run that paused the worker there, and did not resume it. */
  readonly pausedBy?: string;
  /** Runs that did not end there. */
  readonly openRuns: readonly string[];
}

export interface AppStatus {
  readonly app: string;
  readonly hosts: readonly HostStatus[];
}

/** What is live where, by the hosts' own word. */
export async function readStatus(
  world: World,
  selections: readonly {readonly app: App; readonly hosts: readonly Host[]}[],
): Promise<{status: readonly AppStatus[]; end: RunEnd}> {
  const startedMs = world.now();
  const names = new Set(selections.flatMap(({hosts}) => hosts.map((host) => host.name)));
  await world.emit({kind: 'run-started', command: 'status', operator: world.operator, hosts: names.size});
  const status: AppStatus[] = [];
  let silent = 0;
  for (const {app, hosts} of selections) {
    const fleet = await readFleet(world, app, hosts);
    const named = nameSnapshots(fleet.states);
    silent += fleet.problems.size;
    status.push({
      app: app.name,
      hosts: hosts.map((host) => ({
        ...describeHost(host, fleet.states.get(host.name), fleet.problems.get(host.name)?.message),
        ...namePart(fleet.states.get(host.name), named.get(host.name)),
      })),
    });
  }
  return {status, end: await endRun(world, startedMs, silent === 0 ? 'converged' : 'refused', silent === 0 ? {} : {code: 'unreachable'})};
}

function describeHost(host: Host, state: HostState | undefined, why: string | undefined): HostStatus {
  const place = {host: host.name, silo: host.silo};
  if (state === undefined) return {...place, reachable: false, staged: [], pins: [], openRuns: [], ...(why === undefined ? {} : {why})};
  return {
    ...place,
    reachable: true,
    staged: state.releases.filter((id) => id !== state.live),
    pins: [...state.pins].sort((one, other) => (one.run < other.run ? -1 : 1)),
    openRuns: state.openRuns,
    ...(state.unsafe === undefined ? {} : {why: state.unsafe}),
    ...(state.live === undefined ? {} : {live: state.live}),
    ...(state.pausedBy === undefined ? {} : {pausedBy: state.pausedBy}),
    ...(state.lease === undefined || state.lease.leftSeconds === 0 ? {} : {lease: state.lease}),
  };
}

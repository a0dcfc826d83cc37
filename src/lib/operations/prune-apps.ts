import {DroverError, type Problem} from '../errors/drover-error.js';
import type {HostState} from '../host/host-state.js';
import type {App} from '../inventory/app.js';
import type {Host} from '../inventory/host.js';
import type {SnapshotId} from '../snapshot/manifest.js';
import type {PrunePolicy} from '../snapshot/prune-policy.js';
import type {Pruned, PruneOptions} from '../snapshot/prune-store.js';
import {hostsOfApp} from './plan-rollout.js';
import {readFleet} from './read-fleet.js';
import {endRun, type RunEnd} from './run-end.js';
import type {World} from './world.js';

export interface PruneRequest {
  readonly apps: readonly App[];
  readonly store: {readonly prune: (options: PruneOptions) => Promise<Pruned>};
  readonly policy: Omit<PrunePolicy, 'apps' | 'protect'>;
  /** Hosts that need not answer. */
  readonly without: ReadonlySet<string>;
  readonly dryRun: boolean;
}

export interface PruneResult {
  readonly pruned: Pruned;
  /** Hosts that answered, and those that did not and need not. */
  readonly asked: number;
  readonly unasked: readonly string[];
}

/**
 * Removes old snapshots from the store, but nothing that a host holds, live or not, or that an unfinished run names. Every host of the apps is
 * asked; one that does not answer is a refusal before anything is removed, unless it is in `without`: what it holds could be the only
 * release it can go back to.
 */
export async function pruneApps(world: World, request: PruneRequest): Promise<{readonly result: PruneResult; readonly end: RunEnd}> {
  const {apps, store, policy, without, dryRun} = request;
  const startedMs = world.now();
  const fleets = apps.map((app) => ({app, hosts: hostsOfApp(world.inventory, app)}));
  const names = new Set(fleets.flatMap(({hosts}) => hosts.map(({name}) => name)));
  refuseUnknown(without, names);
  await world.emit({kind: 'run-started', command: 'prune', operator: world.operator, hosts: names.size});
  const needed = new Set<string>();
  const silent = new Map<string, Problem>();
  for (const {app, hosts} of fleets) await askHosts(world, app, hosts, {needed, silent});
  const [first, ...rest] = [...silent].filter(([name]) => !without.has(name)).map(([name, problem]) => explainSilence(name, problem));
  if (first !== undefined) throw new DroverError(first, ...rest);
  const pruned = await store.prune({
    ...policy,
    apps: apps.map(({name}) => name),
    protect: [...needed] as SnapshotId[],
    dryRun,
    now: world.now,
    signal: AbortSignal.any([world.interrupted, world.signal]),
  });
  const result = {pruned, asked: names.size - silent.size, unasked: [...silent.keys()]};
  return {result, end: await endRun(world, startedMs, 'converged')};
}

function refuseUnknown(without: ReadonlySet<string>, names: ReadonlySet<string>): void {
  for (const name of without) {
    if (names.has(name)) continue;
    throw new DroverError({
      code: 'selection',
      message: `--without-hosts names ${JSON.stringify(name)}, which is no host of these apps`,
      fix: 'see: drover hosts',
    });
  }
}

interface Answers {
  readonly needed: Set<string>;
  readonly silent: Map<string, Problem>;
}

async function askHosts(world: World, app: App, hosts: readonly Host[], {needed, silent}: Answers): Promise<void> {
  const {states, problems} = await readFleet(world, app, hosts);
  for (const [name, problem] of problems) silent.set(name, problem);
  for (const state of states.values()) for (const id of listNeeded(state)) needed.add(id);
}

function listNeeded({live, releases, openRuns, journal}: HostState): readonly string[] {
  const named = journal.filter(({run}) => openRuns.includes(run)).flatMap(({detail}) => detail.split(' '));
  return [...releases, ...(live === undefined ? [] : [live]), ...named].filter((id) => /^[0-9a-f]{64}$/.test(id));
}

function explainSilence(name: string, {code, message}: Problem): Problem {
  return {
    code: code === 'interrupted' ? code : 'refused',
    message: `${message}; what it holds cannot be known`,
    host: name,
    fix: `bring it back, or leave it out: --without-hosts ${name} --reason "…"`,
  };
}

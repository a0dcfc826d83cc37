import {DroverError} from '../errors/drover-error.js';
import type {App} from '../inventory/app.js';
import type {Host} from '../inventory/host.js';
import type {SnapshotId} from '../snapshot/manifest.js';
import type {Store} from '../snapshot/store.js';
import {cutApp, listIds, warnOfDangling} from './app-parts.js';
import {chooseSnapshot} from './choose-snapshot.js';
import {namingParts} from './name-snapshots.js';
import {noteParts} from './note-parts.js';
import {type PushPlan, renderPlan} from './plan-text.js';
import {findUnfit, readFleet} from './read-fleet.js';
import {endRun, type RunEnd} from './run-end.js';
import {type StageResult, stageRelease} from './stage-release.js';
import type {World} from './world.js';

export interface PushOptions {
  readonly app: App;
  readonly store: Store;
  readonly snapshot: string;
  readonly hosts: readonly Host[];
}

/**
 * Stages a snapshot on every host, beside what is served. Hosts that fail do not hold up the others: the run ends `needs-attention` (8)
 * when some took it, `refused` when none could.
 */
export async function pushApp(world: World, options: PushOptions): Promise<RunEnd> {
  const {app, store, hosts} = options;
  const startedMs = world.now();
  const snapshot = await chooseSnapshot(store, app, options.snapshot, new Map());
  const started = {kind: 'run-started', command: 'push', app: app.name, snapshot, operator: world.operator, hosts: hosts.length} as const;
  await world.emit({...started, ...(world.reason === '' ? {} : {reason: world.reason})});
  const plan: PushPlan = {
    v: 1,
    run: world.run,
    command: 'push',
    app: app.name,
    operator: world.operator,
    snapshot,
    hosts: hosts.map((host) => host.name),
  };
  return stageEverywhere(world, {...options, snapshot, plan, startedMs});
}

/** Whether a transfer ended for a reason that may pass. */
function isCut({problem}: StageResult): boolean {
  return problem?.code === 'unreachable' || problem?.code === 'needs-attention';
}

/** The work of a push, also when it is resumed. */
export async function stageEverywhere(
  world: World,
  options: PushOptions & {readonly plan: PushPlan; readonly startedMs: number},
): Promise<RunEnd> {
  const {app, store, snapshot, hosts, plan, startedMs} = options;
  const fleet = await readFleet(world, app, hosts);
  const [unfit, ...more] = findUnfit(fleet);
  if (unfit !== undefined) throw new DroverError(unfit, ...more);
  const cut = await cutApp({inventory: world.inventory, app, store, snapshot: snapshot as SnapshotId, signal: world.signal});
  await warnOfDangling(world, app, cut?.parts.values() ?? []);
  const releaseFor = (host: Host): string => cut?.parts.get(host.name)?.manifest.id ?? snapshot;
  const reachable = hosts.filter((host) => fleet.states.has(host.name));
  const results = await stageRelease(world, {
    app,
    store,
    snapshot,
    ...(cut === undefined ? {} : {parts: listIds(cut)}),
    hosts: reachable,
    states: fleet.states,
    run: {id: plan.run, plan: renderPlan(plan), endsHere: true},
  });
  if (cut !== undefined) {
    const arrived = results.filter((result) => result.kind === 'staged' || result.kind === 'unchanged');
    const parts = arrived.map(({host}) => ({host, part: releaseFor(host)}));
    await noteParts(world, {app, snapshot, run: plan.run, states: fleet.states, parts});
  }
  const naming = namingParts(world, fleet.states, cut === undefined ? undefined : {snapshot, releases: [...listIds(cut).values()]});
  for (const host of hosts) {
    const result = results.find((each) => each.host === host);
    const problem = result?.problem ?? fleet.problems.get(host.name);
    if (result?.kind === 'unchanged' || result?.kind === 'staged') {
      await naming.emit({
        kind: 'host-ended',
        host: host.name,
        outcome: result.kind === 'staged' ? 'done' : 'unchanged',
        release: releaseFor(host),
      });
      continue;
    }
    const outcome = result === undefined ? 'skipped' : result.kind;
    await world.emit({
      kind: 'host-ended',
      host: host.name,
      outcome,
      ...(problem === undefined ? {} : {code: problem.code, why: problem.message}),
    });
  }
  const next = `drover resume ${plan.run}`;
  if (world.interrupted.aborted || world.signal.aborted) return endRun(world, startedMs, 'interrupted', {code: 'interrupted', next});
  const failed = results.filter((result) => result.kind === 'failed').length + fleet.problems.size;
  if (failed === 0) return endRun(world, startedMs, 'converged');
  const problem = results.find((result) => result.problem !== undefined)?.problem ?? [...fleet.problems.values()][0];
  if (failed === hosts.length && problem !== undefined) {
    // Where a transfer has begun, the run is open on the host and can be continued.
    return endRun(world, startedMs, 'refused', {code: problem.code, ...(results.some(isCut) ? {next} : {})});
  }
  return endRun(world, startedMs, 'needs-attention', {next});
}

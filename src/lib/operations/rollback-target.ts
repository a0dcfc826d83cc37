import {DroverError, type Problem} from '../errors/drover-error.js';
import {fanOut} from '../fanout/fan-out.js';
import {type HostState, provenReleases, rollbackTarget} from '../host/host-state.js';
import type {App} from '../inventory/app.js';
import type {Host} from '../inventory/host.js';
import {snapshotsOf} from './name-snapshots.js';
import {runStep, useHost} from './on-host.js';
import {chooseSnapshotBack, findPartBack, listSnapshots} from './snapshot-back.js';
import type {World} from './world.js';

/**
 * What a host leaves turned out bad, and is pinned out: unless it goes forward again, to what was proven after it.
 */
export function describePin(state: HostState | undefined, to: string): {readonly pinsOut?: string} {
  const from = state?.live;
  if (state === undefined || from === undefined || from === to) return {};
  const first = (id: string): number => state.journal.findIndex((line) => line.event === 'confirmed' && line.detail === id);
  if (first(from) >= 0 && first(from) < first(to)) return {};
  return {pinsOut: snapshotsOf(state, from).at(-1)?.snapshot ?? from};
}

interface HostTarget {
  readonly host: Host;
  readonly target: Target;
}

type Target =
  | {readonly kind: 'release'; readonly id: string}
  | {readonly kind: 'unchanged'; readonly why: string; readonly live: string | undefined}
  | {readonly kind: 'refused'; readonly problem: Problem};

/** Where each host that answered goes. `releaseOf`: the release that was named for it, or the start of its id. */
export function findTargets(
  hosts: readonly Host[],
  states: ReadonlyMap<string, HostState>,
  {snapshot, releaseOf}: {readonly snapshot: string | undefined; readonly releaseOf: (host: Host) => string | undefined},
): readonly HostTarget[] {
  return hosts.flatMap((host): readonly HostTarget[] => {
    const state = states.get(host.name);
    if (state === undefined) return [];
    return [{host, target: snapshot === undefined ? findTarget(host, state, releaseOf(host)) : findPart(host, state, snapshot)}];
  });
}

/**
 * Whether somebody named where to go: neither what a dead run recorded nor the hosts' own journals lead there. `back`: the snapshot that was recorded, where
 * content is shared out.
 */
export function isNamed(
  states: ReadonlyMap<string, HostState>,
  targets: readonly HostTarget[],
  {
    snapshot,
    back,
    recorded,
  }: {
    readonly snapshot: string | undefined;
    readonly back: string | undefined;
    readonly recorded: ReadonlyMap<string, {readonly release: string}> | undefined;
  },
): boolean {
  if (snapshot !== undefined) return snapshot !== (back ?? chooseSnapshotBack(states));
  return targets.some(({host, target}) => {
    const state = states.get(host.name);
    const own = state === undefined ? undefined : rollbackTarget(state);
    const release = recorded?.get(host.name)?.release ?? (own?.kind === 'release' ? own.id : undefined);
    return target.kind === 'release' && release !== target.id;
  });
}

/** The snapshot that hosts with parts go back to, all to the same. Throws `refused`, or `usage` when words name several. */
export function chooseBack(states: ReadonlyMap<string, HostState>, to: string | undefined): string {
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
export async function verifyTargets(world: World, app: App, moving: readonly {readonly host: Host; readonly to: string}[]): Promise<void> {
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

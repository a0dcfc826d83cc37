import {type HostState, listProven, rollbackTarget} from '../host/host-state.js';
import {nameSnapshots, snapshotsOf} from './name-snapshots.js';

/** Where a rollback of parts leads one host. `none`: it never confirmed a part of that snapshot, or has it no more. */
export type PartBack = {readonly kind: 'release'; readonly id: string} | {readonly kind: 'same'} | {readonly kind: 'none'};

export function hasParts(states: ReadonlyMap<string, HostState>): boolean {
  return [...states.values()].some((state) => state.parts.size > 0);
}

/** Every snapshot that a release of a host is, or is a part of. */
export function listSnapshots(states: ReadonlyMap<string, HostState>): readonly string[] {
  const ids = [...states.values()].flatMap((state) => state.releases.flatMap((id) => snapshotsOf(state, id).map(({snapshot}) => snapshot)));
  return [...new Set(ids)];
}

/** How a host gets to a snapshot: it serves its part already, or holds it proven, or cannot. */
export function findPartBack(state: HostState, snapshot: string): PartBack {
  const isOf = (release: string): boolean => snapshotsOf(state, release).some((each) => each.snapshot === snapshot);
  if (state.live !== undefined && isOf(state.live)) return {kind: 'same'};
  const id = listProven(state).findLast(isOf);
  return id === undefined ? {kind: 'none'} : {kind: 'release', id};
}

/**
 * The snapshot that a plain rollback of hosts with parts leads to, the same for all: the newest one before theirs that is live or proven on every
 * host and changes something. After a rollback that nothing was deployed since, it is the one that the hosts went back to: those that missed it
 * follow. Undefined when there is none.
 */
export function chooseSnapshotBack(states: ReadonlyMap<string, HostState>): string | undefined {
  const named = [...nameSnapshots(states).values()];
  const count = (snapshot: string): number => named.filter((each) => each === snapshot).length;
  const current = named.reduce<string | undefined>(
    (best, each) => (best === undefined || count(each) > count(best) ? each : best),
    undefined,
  );
  if (current === undefined) return undefined;
  if ([...states.values()].some((state) => rollbackTarget(state).kind === 'already')) return current;
  const pinned = new Set([...states.values()].flatMap(({pins}) => pins.map(({release, snapshot}) => snapshot ?? release)));
  const newest = new Map<string, string>();
  for (const state of states.values()) {
    for (const release of [...listProven(state), ...(state.live === undefined ? [] : [state.live])]) {
      const confirmedBy = state.journal.findLast((line) => line.event === 'confirmed' && line.detail === release)?.run ?? '';
      for (const {snapshot, run} of snapshotsOf(state, release)) {
        const known = newest.get(snapshot) ?? '';
        const at = run === '' ? confirmedBy : run;
        newest.set(snapshot, at > known ? at : known);
      }
    }
  }
  return [...newest.keys()]
    .filter((snapshot) => snapshot !== current && !pinned.has(snapshot))
    .sort((a, b) => ((newest.get(a) ?? '') < (newest.get(b) ?? '') ? 1 : -1))
    .find((snapshot) => {
      const ways = [...states.values()].map((state) => findPartBack(state, snapshot).kind);
      return !ways.includes('none') && ways.includes('release');
    });
}

import type {Emit} from '../events/event.js';
import type {HostState} from '../host/host-state.js';
import type {World} from './world.js';

/** The snapshots that a release may be a part of, newest last; its own where the host knows of none. */
export function snapshotsOf(state: HostState, release: string): readonly {readonly snapshot: string; readonly run: string}[] {
  return state.parts.get(release) ?? [{snapshot: release, run: ''}];
}

/**
 * The snapshot that each host serves. A part that two snapshots share is counted to the one that most hosts can be on, then to the one that was
 * brought last, so that hosts on the same snapshot are called the same. Hosts that serve nothing are left out.
 */
export function nameSnapshots(states: ReadonlyMap<string, HostState>): ReadonlyMap<string, string> {
  const votes = new Map<string, {hosts: number; run: string}>();
  for (const state of states.values()) {
    for (const {snapshot, run} of state.live === undefined ? [] : snapshotsOf(state, state.live)) {
      const vote = votes.get(snapshot);
      votes.set(snapshot, {hosts: (vote?.hosts ?? 0) + 1, run: vote === undefined || run > vote.run ? run : vote.run});
    }
  }
  const isBetter = (one: string, other: string): boolean => {
    const [a, b] = [votes.get(one), votes.get(other)];
    if (a === undefined || b === undefined || a.hosts === b.hosts) return (a?.run ?? '') > (b?.run ?? '');
    return a.hosts > b.hosts;
  };
  const named = new Map<string, string>();
  for (const [host, state] of states) {
    if (state.live === undefined) continue;
    const names = snapshotsOf(state, state.live).map(({snapshot}) => snapshot);
    named.set(
      host,
      names.reduce((best, name) => (isBetter(name, best) ? name : best)),
    );
  }
  return named;
}

/** What each live release is a part of, where hosts say so; `planned` are parts of the snapshot of a run. */
function nameParts(
  states: ReadonlyMap<string, HostState>,
  planned: {readonly snapshot: string; readonly releases: readonly string[]} | undefined,
): ReadonlyMap<string, string> {
  const parts = new Map<string, string>();
  for (const [host, snapshot] of nameSnapshots(states)) {
    const state = states.get(host);
    if (state?.live !== undefined && state.parts.has(state.live)) parts.set(state.live, snapshot);
  }
  for (const release of planned?.releases ?? []) if (planned !== undefined) parts.set(release, planned.snapshot);
  return parts;
}

/** The same world, in which events that tell of a live part also tell of its snapshot. */
export function namingParts(
  world: World,
  states: ReadonlyMap<string, HostState>,
  planned: {readonly snapshot: string; readonly releases: readonly string[]} | undefined,
): World {
  const parts = nameParts(states, planned);
  if (parts.size === 0) return world;
  const emit: Emit = (happening) => {
    if (happening.kind !== 'host-ended' || happening.release === undefined) return world.emit(happening);
    const snapshot = parts.get(happening.release);
    return world.emit(snapshot === undefined ? happening : {...happening, snapshot});
  };
  return {...world, emit};
}

/** What a report says besides the live release: the snapshot that it is a part of, and nothing where there are no parts. */
export function namePart(state: HostState | undefined, snapshot: string | undefined): {readonly snapshot?: string} {
  if (snapshot === undefined || state?.live === undefined || !state.parts.has(state.live)) return {};
  return {snapshot};
}

import type {HostStage} from './host-stage.js';
import {isLeaving} from './host-stage.js';
import type {Holders, PlannedHost} from './plan.js';
import type {RolloutState} from './state.js';

/** Which side of its move a host serves: what it holds there may differ. `unknown`: either. */
type Side = 'before' | 'after' | 'unknown';

function sideOf(stage: HostStage | undefined): Side {
  switch (stage?.kind) {
    case undefined:
    case 'planned':
    case 'reverted':
      return 'before';
    case 'done':
    case 'failed':
      return 'after';
    case 'moving':
      return stage.direction === 'forward' ? 'after' : 'before';
    case 'ready':
    case 'lost':
      return stage.touched ? 'unknown' : 'before';
    case 'stuck':
      return 'unknown';
  }
}

function holds({before, after = before}: Holders, host: string, side: Side): boolean {
  if (side === 'unknown') return before.includes(host) && after.includes(host);
  return (side === 'before' ? before : after).includes(host);
}

/**
 * A set of which too few would be left if a host left, when those of `staying` are all that serve. One that comes back with what it holds now
 * needs `least` others; one that moves and gives it up needs all its copies elsewhere. `keeps`: the host leaves without moving.
 */
function findLast(
  holders: readonly Holders[],
  host: string,
  staying: readonly string[],
  sideOfHost: (host: string) => Side,
  keeps = false,
): Holders | undefined {
  return holders.find((set) => {
    if (!holds(set, host, sideOfHost(host))) return false;
    const others = staying.filter((each) => each !== host && holds(set, each, sideOfHost(each))).length;
    const gives = !keeps && holds(set, host, 'before') !== holds(set, host, 'after');
    return others < (gives ? Math.max(set.least, set.copies ?? 0) : set.least);
  });
}

/**
 * The hosts among `starts` that may leave together: one after another, as long as the floor has room and enough of each set of holders stay. `elsewhere` serves in
 * other silos; what was leaving when the balancers were asked, or is now, does not count.
 */
export function keepHolders(
  state: RolloutState,
  starts: readonly string[],
  view: {readonly serving: readonly string[]; readonly elsewhere: readonly string[]; readonly leavingThen: ReadonlySet<string>},
  fitsFloor: (host: string) => boolean,
): readonly string[] {
  const {holders} = state.plan;
  if (holders === undefined) return starts.filter(fitsFloor);
  const side = (host: string): Side => sideOf(state.hosts.get(host));
  let staying = [...view.serving, ...view.elsewhere].filter((host) => !view.leavingThen.has(host) && !isLeaving(state.hosts.get(host)));
  let isHeldUp = false;
  return starts.filter((host) => {
    if (!view.serving.includes(host)) return true;
    // One that gives something up must not overtake: it may be what the one before it waits for.
    const gives = holders.some((set) => holds(set, host, side(host)) && holds(set, host, 'before') !== holds(set, host, 'after'));
    const isBlocked = (isHeldUp && gives) || findLast(holders, host, staying, side) !== undefined || !fitsFloor(host);
    isHeldUp ||= isBlocked;
    if (isBlocked) return false;
    staying = staying.filter((each) => each !== host);
    return true;
  });
}

/**
 * Hosts in an order in which each can be moved by itself, silo after silo, as near to the order given as can be; or the host that cannot, when no silo
 * can be moved as a whole.
 */
export function orderByHolders(
  hosts: readonly PlannedHost[],
  holders: readonly Holders[],
  serving: readonly string[],
):
  | {readonly kind: 'order'; readonly hosts: readonly PlannedHost[]}
  | {readonly kind: 'last'; readonly host: string; readonly set: Holders} {
  const moved = new Set(hosts.filter((host) => host.earlier === 'done').map((host) => host.name));
  const start: Progress = {moved, inRotation: new Set(serving), ordered: []};
  let silos = [...new Set(hosts.map((host) => host.silo))];
  let progress = start;
  while (silos.length > 0) {
    const tries = silos.map((silo) => orderSilo(hosts, holders, silo, progress));
    const next = tries.findIndex((each) => each.kind === 'done');
    const found = tries[next] ?? tries[0];
    if (found?.kind !== 'done') {
      if (found === undefined) throw new Error('a silo that is left was not tried');
      return found;
    }
    progress = found.progress;
    silos = silos.filter((_, index) => index !== next);
  }
  return {kind: 'order', hosts: progress.ordered};
}

interface Progress {
  readonly moved: ReadonlySet<string>;
  readonly inRotation: ReadonlySet<string>;
  readonly ordered: readonly PlannedHost[];
}

function orderSilo(
  hosts: readonly PlannedHost[],
  holders: readonly Holders[],
  silo: string,
  from: Progress,
): {readonly kind: 'done'; readonly progress: Progress} | {readonly kind: 'last'; readonly host: string; readonly set: Holders} {
  const moved = new Set(from.moved);
  const inRotation = new Set(from.inRotation);
  const ordered = [...from.ordered];
  const side = (host: string): Side => (moved.has(host) ? 'after' : 'before');
  let left = hosts.filter((host) => host.silo === silo);
  while (left.length > 0) {
    const next = left.find(({name}) => !inRotation.has(name) || findLast(holders, name, [...inRotation], side) === undefined);
    if (next === undefined) {
      const host = left[0]?.name ?? '';
      const set = findLast(holders, host, [...inRotation], side);
      if (set === undefined) throw new Error(`${host} may leave after all`);
      return {kind: 'last', host, set};
    }
    ordered.push(next);
    moved.add(next.name);
    inRotation.add(next.name);
    left = left.filter((host) => host !== next);
  }
  return {kind: 'done', progress: {moved, inRotation, ordered}};
}

/** Whether taking a host out for good leaves enough of each of its sets. */
export function isSpare(state: RolloutState, host: string, serving: readonly string[]): boolean {
  return findLast(state.plan.holders ?? [], host, serving, (each) => sideOf(state.hosts.get(each)), true) === undefined;
}

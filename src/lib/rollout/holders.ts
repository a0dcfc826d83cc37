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

/** Whether a host may leave, when those of `staying` are all that serve: enough of each set it belongs to would be left. */
function findLast(
  holders: readonly Holders[],
  host: string,
  staying: readonly string[],
  sideOfHost: (host: string) => Side,
): Holders | undefined {
  return holders.find(
    (set) =>
      holds(set, host, sideOfHost(host)) &&
      staying.filter((each) => each !== host && holds(set, each, sideOfHost(each))).length < set.least,
  );
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
    const gives = holders.some((set) => holds(set, host, 'before') !== holds(set, host, 'after'));
    const isBlocked = (isHeldUp && gives) || findLast(holders, host, staying, side) !== undefined || !fitsFloor(host);
    isHeldUp ||= isBlocked;
    if (isBlocked) return false;
    staying = staying.filter((each) => each !== host);
    return true;
  });
}

/** Hosts in an order in which each can be moved by itself, silo after silo, as near to the order given as can be; or the host that cannot. */
export function orderByHolders(
  hosts: readonly PlannedHost[],
  holders: readonly Holders[],
  serving: readonly string[],
):
  | {readonly kind: 'order'; readonly hosts: readonly PlannedHost[]}
  | {readonly kind: 'last'; readonly host: string; readonly set: Holders} {
  const inRotation = new Set(serving);
  const moved = new Set(hosts.filter((host) => host.earlier === 'done').map((host) => host.name));
  const side = (host: string): Side => (moved.has(host) ? 'after' : 'before');
  const ordered: PlannedHost[] = [];
  for (const silo of new Set(hosts.map((host) => host.silo))) {
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
  }
  return {kind: 'order', hosts: ordered};
}

/** Whether taking a host out for good leaves enough of each of its sets. */
export function isSpare(state: RolloutState, host: string, serving: readonly string[]): boolean {
  return findLast(state.plan.holders ?? [], host, serving, (each) => sideOf(state.hosts.get(each))) === undefined;
}

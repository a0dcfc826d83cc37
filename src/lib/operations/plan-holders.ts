import {DroverError} from '../errors/drover-error.js';
import type {HostState} from '../host/host-state.js';
import type {App} from '../inventory/app.js';
import {foldHostSet} from '../inventory/folded-hosts.js';
import type {Assignment} from '../inventory/partition-assignment.js';
import {orderByHolders} from '../rollout/holders.js';
import type {Holders, PlannedHost} from '../rollout/plan.js';
import type {SnapshotId} from '../snapshot/manifest.js';
import type {Store} from '../snapshot/store.js';
import type {Balancer} from '../traffic/balancer.js';
import {hostsOfApp} from './plan-rollout.js';
import {type FleetReport, readFleet} from './read-fleet.js';
import {findPlanned, type ReviewedPlan} from './reviewed-plan.js';
import {takesOut} from './worker-role.js';
import type {World} from './world.js';

/**
 * The sets of hosts that stand in for one another in a deploy of parts: who holds a partition now, by what is live there, and who will, by what it is to serve. Where
 * hosts drain, one holder less than there are copies stays in rotation, at least one. A host gives a partition up when all its copies are served
 * by others, drain or not. A partition that nobody holds yet, or will hold any more, needs nobody. A release that the
 * store does not know counts as what its host is to hold. Each set comes with the hosts that are to hold it and do not yet.
 */
async function listHolders(options: {
  readonly assignment: Assignment;
  readonly store: Store;
  /** Whether hosts are out of rotation while they move. */
  readonly drains: boolean;
  /** Every host of the app that answered, or of which something is known. */
  readonly states: ReadonlyMap<string, Pick<HostState, 'live'>>;
  /** Host -> the release it will serve, for those that change. */
  readonly planned: ReadonlyMap<string, string>;
}): Promise<ReadonlyMap<Holders, readonly string[]>> {
  const {assignment, store, drains, states, planned} = options;
  const held = new Map<string, ReadonlySet<string>>();
  for (const release of new Set([...[...states.values()].flatMap((state) => state.live ?? []), ...planned.values()])) {
    const partitions = await listPartitions(assignment, store, release);
    if (partitions !== undefined) held.set(release, partitions);
  }
  const holds = (host: string, release: string | undefined, partition: string): boolean =>
    release !== undefined && (held.get(release) ?? assignment.heldBy(host)).has(partition);
  const sets = new Map<string, {readonly set: Holders; readonly takers: string[]}>();
  for (const {name, sets: wanted} of assignment.partitions) {
    for (const {among, hosts, copies} of wanted) {
      const before = among.filter((host) => holds(host, states.get(host)?.live, name));
      if (before.length === 0) continue;
      const after = among.filter((host) => holds(host, planned.get(host) ?? states.get(host)?.live, name));
      if (after.length === 0) continue;
      const kept = copies === undefined ? 1 : Math.min(copies, before.length);
      const least = drains ? Math.max(1, Math.min(kept, after.length) - 1) : 0;
      const set: Holders = {least, copies: kept, before, ...(before.join() === after.join() ? {} : {after})};
      const known = sets.get(JSON.stringify(set)) ?? {set, takers: []};
      known.takers.push(...hosts.filter((host) => !before.includes(host) && !known.takers.includes(host)));
      sets.set(JSON.stringify(set), known);
    }
  }
  return new Map([...sets.values()].map(({set, takers}) => [set, takers]));
}

async function listPartitions(assignment: Assignment, store: Store, live: string): Promise<ReadonlySet<string> | undefined> {
  try {
    const {entries} = await store.manifest(live as SnapshotId);
    return new Set(entries.flatMap((entry) => (entry.kind === 'file' ? (assignment.partitionOf(entry.path) ?? []) : [])));
  } catch (error) {
    if (!(error instanceof DroverError) || error.code !== 'not-found') throw error;
    return undefined;
  }
}

/** What to do first. Those that take over may go before the rest of their silos, unless they give something up themselves that waits for others. */
function fixGiving(app: App, takers: readonly string[], canGoFirst: (takers: readonly string[]) => boolean): string {
  if (takers.length === 0) return 'put the others back into rotation';
  if (canGoFirst(takers)) {
    return `deploy those that take it over first: drover deploy ${app.name} --hosts ${foldHostSet(takers)} (or take them out of the inventory, if they are gone for good)`;
  }
  return `hosts take over from one another in a ring: raise apps.${app.name}.partitions.copies by one (or let both rules name the hosts), deploy, change it back, and deploy again`;
}

/** The hosts in an order that leaves enough of every set in rotation. Throws `refused`, with what to deploy first, when there is none. */
function orderHolders(
  app: App,
  hosts: readonly PlannedHost[],
  holders: ReadonlyMap<Holders, readonly string[]>,
  serving: readonly string[],
): readonly PlannedHost[] {
  const ordered = orderByHolders(hosts, [...holders.keys()], serving);
  if (ordered.kind === 'order') return ordered.hosts;
  const {before, after = before, least, copies = least} = ordered.set;
  const gives = !after.includes(ordered.host);
  throw new DroverError({
    code: 'refused',
    message: gives
      ? `${ordered.host} cannot give up what ${foldHostSet(before)} ${before.length === 1 ? 'holds' : 'hold'} now: ${copies} ${copies === 1 ? 'other' : 'others'} must serve it first`
      : `${ordered.host} cannot be taken out: of ${foldHostSet(before)}, which hold the same, ${least} must stay in rotation`,
    fix: gives
      ? fixGiving(app, holders.get(ordered.set) ?? [], (takers) => {
          const first = hosts.filter(({name}) => takers.includes(name));
          return orderByHolders(first, [...holders.keys()], serving).kind === 'order';
        })
      : `put the others back into rotation, or raise apps.${app.name}.partitions.copies`,
    host: ordered.host,
  });
}

/** Who stands in for whom while hosts move to their parts, and the hosts in an order that keeps that. Asks the hosts that stay as they are as well. */
export async function planParts(
  world: World,
  options: {
    readonly app: App;
    readonly store: Store;
    readonly assignment: Assignment;
    readonly balancer: Balancer;
    readonly fleet: FleetReport;
    readonly planned: readonly PlannedHost[];
    /** A host that is silent counts as what it was then. */
    readonly reviewed?: ReviewedPlan | undefined;
  },
): Promise<{readonly holders?: readonly Holders[]; readonly hosts: readonly PlannedHost[]}> {
  const {app, store, assignment, balancer, fleet, planned, reviewed} = options;
  const members = hostsOfApp(world.inventory, app);
  const others = await readFleet(
    world,
    app,
    members.filter((host) => !fleet.states.has(host.name) && !fleet.problems.has(host.name)),
  );
  const silent = [...fleet.problems.keys()].map((name) => [name, {live: findPlanned(reviewed, name)?.from}] as const);
  const states = new Map<string, Pick<HostState, 'live'>>([...silent, ...fleet.states, ...others.states]);
  const holders = await listHolders({
    assignment,
    store,
    drains: takesOut(app),
    states,
    planned: new Map(planned.map((host) => [host.name, host.to])),
  });
  const rotation = await balancer.read(members, world.signal);
  const serving = rotation.filter((each) => each.state === 'in').map((each) => each.host.name);
  return {holders: [...holders.keys()], hosts: orderHolders(app, planned, holders, serving)};
}

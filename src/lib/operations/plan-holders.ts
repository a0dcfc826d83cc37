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
import type {World} from './world.js';

/**
 * The sets of hosts that stand in for one another in a deploy of parts: who holds a partition now, by what is live there, and who will, by what it is to serve. One
 * holder less than there are copies stays in rotation, at least one; a partition that nobody holds yet, or will hold any more, needs nobody. A release that the
 * store does not know counts as what its host is to hold.
 */
async function listHolders(options: {
  readonly assignment: Assignment;
  readonly store: Store;
  /** Every host of the app that answered. */
  readonly states: ReadonlyMap<string, HostState>;
  /** Host -> the release it will serve, for those that change. */
  readonly planned: ReadonlyMap<string, string>;
}): Promise<readonly Holders[]> {
  const {assignment, store, states, planned} = options;
  const held = new Map<string, ReadonlySet<string>>();
  for (const release of new Set([...[...states.values()].flatMap((state) => state.live ?? []), ...planned.values()])) {
    const partitions = await listPartitions(assignment, store, release);
    if (partitions !== undefined) held.set(release, partitions);
  }
  const holds = (host: string, release: string | undefined, partition: string): boolean =>
    release !== undefined && (held.get(release) ?? assignment.heldBy(host)).has(partition);
  const sets = new Map<string, Holders>();
  for (const {name, sets: wanted} of assignment.partitions) {
    for (const {among, copies} of wanted) {
      const before = among.filter((host) => holds(host, states.get(host)?.live, name));
      if (before.length === 0) continue;
      const after = among.filter((host) => holds(host, planned.get(host) ?? states.get(host)?.live, name));
      if (after.length === 0) continue;
      const least = Math.max(1, copies === undefined ? 1 : Math.min(copies, before.length, after.length) - 1);
      const set: Holders = {least, before, ...(before.join() === after.join() ? {} : {after})};
      sets.set(JSON.stringify(set), set);
    }
  }
  return [...sets.values()];
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

/** The hosts in an order that leaves enough of every set in rotation. Throws `refused`, with what to deploy first, when there is none. */
function orderHolders(
  app: App,
  hosts: readonly PlannedHost[],
  holders: readonly Holders[],
  serving: readonly string[],
): readonly PlannedHost[] {
  const ordered = orderByHolders(hosts, holders, serving);
  if (ordered.kind === 'order') return ordered.hosts;
  const {before, after = before, least} = ordered.set;
  const gaining = after.filter((host) => !before.includes(host) && hosts.some(({name}) => name === host));
  throw new DroverError({
    code: 'refused',
    message: `${ordered.host} cannot be taken out: of ${foldHostSet(before)}, which hold the same, ${least} must stay in rotation`,
    fix:
      gaining.length > 0
        ? `deploy the hosts that take it over first: drover deploy ${app.name} --hosts ${foldHostSet(gaining)}`
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
  },
): Promise<{readonly holders?: readonly Holders[]; readonly hosts: readonly PlannedHost[]}> {
  const {app, store, assignment, balancer, fleet, planned} = options;
  if (app.drain === undefined) return {hosts: planned};
  const members = hostsOfApp(world.inventory, app);
  const others = await readFleet(
    world,
    app,
    members.filter((host) => !fleet.states.has(host.name) && !fleet.problems.has(host.name)),
  );
  const states = new Map([...fleet.states, ...others.states]);
  const holders = await listHolders({assignment, store, states, planned: new Map(planned.map((host) => [host.name, host.to]))});
  const rotation = await balancer.read(members, world.signal);
  const serving = rotation.filter((each) => each.state === 'in').map((each) => each.host.name);
  return {holders, hosts: orderHolders(app, planned, holders, serving)};
}

import {DroverError} from '../errors/drover-error.js';
import {fanOut} from '../fanout/fan-out.js';
import type {HeldLease, HostState} from '../host/host-state.js';
import type {App} from '../inventory/app.js';
import {foldHostSet} from '../inventory/folded-hosts.js';
import {nameCause} from './lease-host.js';
import {useHost} from './on-host.js';
import type {World} from './world.js';

/** `bob since 10:29, last heartbeat 4 s ago`. */
export function describeOwner({owner, since, silentSeconds}: HeldLease): string {
  const from = since === '' ? '' : ` since ${since.slice(11, 16)}`;
  return `${owner}${from}${silentSeconds === undefined ? '' : `, last heartbeat ${silentSeconds} s ago`}`;
}

/**
 * Ends the leases of one run, each as it was seen in `states` and no other: what was resumed or taken over since stays. One that is alive ends by
 * `takeover` alone, and its owner is fenced off. Gives the hosts that are free now. Throws `leased` when a lease is another one, or alive.
 */
export async function endLeases(
  world: World,
  {
    app,
    states,
    run,
    takeover,
  }: {readonly app: App; readonly states: ReadonlyMap<string, HostState>; readonly run: string; readonly takeover: boolean},
): Promise<readonly string[]> {
  const held = [...states].flatMap(([host, {lease}]) => (lease?.run === run ? [{host, lease}] : []));
  const alive = held.find(({lease}) => lease.leftSeconds > 0);
  if (alive !== undefined && !takeover) {
    const hosts = foldHostSet(held.map(({host}) => host));
    throw new DroverError({
      code: 'leased',
      message: `${hosts}: lease ${run} is alive: held by ${describeOwner(alive.lease)}`,
      fix: `wait ${alive.lease.leftSeconds} s for it to run out, or pass --takeover with --reason`,
    });
  }
  const hosts = world.inventory.hosts.filter(({name}) => held.some(({host}) => host === name));
  const outcomes = await fanOut(
    hosts,
    (host) => {
      const epoch = held.find((each) => each.host === host.name)?.lease.epoch ?? 0;
      return useHost(world, host, app, (on) => on.endLease({run, epoch, owner: world.operator, reason: nameCause(world.reason), takeover}));
    },
    {concurrency: world.concurrency, random: world.random, signal: world.signal},
  );
  const problems = outcomes.flatMap((outcome) =>
    outcome.kind === 'failed'
      ? [{...outcome.problem, ...(outcome.problem.code === 'leased' ? {fix: 'look again: drover lease'} : {})}]
      : [],
  );
  const [first, ...more] = problems;
  if (first !== undefined) throw new DroverError(first, ...more);
  return hosts.map(({name}) => name);
}

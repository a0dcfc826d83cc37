import type {Problem} from '../errors/drover-error.js';
import {DroverError} from '../errors/drover-error.js';
import type {HostState} from '../host/host-state.js';
import type {App} from '../inventory/app.js';
import type {Host} from '../inventory/host.js';
import type {Crew} from './crew.js';
import {useHost} from './on-host.js';
import {hostsOfApp} from './plan-rollout.js';
import {readFleet} from './read-fleet.js';
import type {World} from './world.js';

/**
 * Why the contract must wait: a host of the app, selected or not, still runs another release, or says nothing. Read from the hosts now,
 * whatever this run believes.
 */
export async function holdContract(crew: Crew): Promise<string | undefined> {
  const {world, app, plan} = crew;
  const {states, problems} = await readFleet(world, app, hostsOfApp(world.inventory, app));
  const [silent] = problems.keys();
  if (silent !== undefined) return `${[...problems.keys()].join(', ')} cannot be read, and may run an older release`;
  const older = [...states].filter(([name, state]) => !servesPlan(crew, name, state));
  if (older.length === 0) return undefined;
  const named = older.map(([name, {live}]) => `${name} (${live === undefined ? 'nothing' : live.slice(0, 12)})`).join(', ');
  return `not on the release of run ${plan.run}: ${named}`;
}

/** A host outside the plan must have confirmed what it serves; those of the plan have passed their gates. */
function servesPlan({plan}: Crew, name: string, state: HostState): boolean {
  const planned = plan.hosts.find((host) => host.name === name);
  if (planned !== undefined) return state.live === planned.to;
  if (state.live === undefined || state.journal.findLast(({event}) => event === 'confirmed')?.detail !== state.live) return false;
  if (plan.snapshot === undefined) return state.live === plan.hosts[0]?.to;
  return state.parts.get(state.live)?.some(({snapshot}) => snapshot === plan.snapshot) === true;
}

/** Every host of the run remembers that what came before this release is not to be gone back to, ahead of the contract itself. */
export async function noteContract(crew: Crew): Promise<void> {
  const {world, app, plan} = crew;
  await Promise.all(
    plan.hosts.map(async ({name, to}) => {
      const host = crew.hosts.get(name);
      const fence = crew.fences.get(name);
      if (host === undefined || fence === undefined) throw new Error(`${name} has converged without a lease`);
      await useHost(world, host, app, (on) => on.note(fence, 'contracted', `${to} ${plan.snapshot ?? to}`));
    }),
  );
}

/** What hosts that are not selected tell of contracts: any of them may know of one. Empty where the app has none. */
export async function readOthers(world: World, app: App, selected: readonly Host[]): Promise<ReadonlyMap<string, HostState>> {
  if (app.once?.after === undefined) return new Map();
  const others = hostsOfApp(world.inventory, app).filter((host) => !selected.includes(host));
  return others.length === 0 ? new Map() : (await readFleet(world, app, others)).states;
}

/**
 * Refuses to bring a release back that served before a contract: what it needs may be gone from the database. A release that was confirmed
 * since, knowingly, is let through.
 */
export function refusePastContract(
  states: ReadonlyMap<string, HostState>,
  others: ReadonlyMap<string, HostState>,
  moves: readonly {readonly host: string; readonly to: string}[],
): void {
  const contracts = [...states.values(), ...others.values()].flatMap((state) =>
    state.journal.filter(({event}) => event === 'contracted').map(({run, detail}) => ({run, detail})),
  );
  const problems = moves.flatMap(({host, to}): Problem[] => {
    const state = states.get(host);
    const passed = state === undefined ? undefined : contracts.find((contract) => isPast(state, to, contract));
    if (passed === undefined) return [];
    return [
      {
        code: 'refused',
        message: `${host}: release ${to.slice(0, 12)} served before the contract (once.after) of run ${passed.run}; what it needs may be gone`,
        host,
        fix: 'deploy a new release that can do without, or if you know better: --past-contract --reason "…"',
      },
    ];
  });
  const [first, ...more] = problems;
  if (first !== undefined) throw new DroverError(first, ...more);
}

function isPast(state: HostState, to: string, contract: {readonly run: string; readonly detail: string}): boolean {
  const [release, snapshot] = contract.detail.split(' ');
  const isOf = (id: string): boolean => id === release || state.parts.get(id)?.some((part) => part.snapshot === snapshot) === true;
  if (isOf(to)) return false;
  const noted = state.journal.findLastIndex(({event, run}) => event === 'contracted' && run === contract.run);
  const since = noted >= 0 ? noted : state.journal.findLastIndex(({event, detail}) => event === 'confirmed' && isOf(detail));
  const proven = state.journal.findLastIndex(({event, detail}) => event === 'confirmed' && detail === to);
  return proven >= 0 && proven < since;
}

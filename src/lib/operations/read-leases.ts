import {DroverError} from '../errors/drover-error.js';
import type {HeldLease} from '../host/host-state.js';
import type {App} from '../inventory/app.js';
import {describeOwner, endLeases} from './end-leases.js';
import {hostsOfApp} from './plan-rollout.js';
import {type FleetReport, readFleet} from './read-fleet.js';
import {endRun, type RunEnd} from './run-end.js';
import type {World} from './world.js';

/** A lease of one app on one host. Its id is its run. */
export interface LeaseRow extends HeldLease {
  readonly app: string;
  readonly host: string;
  readonly silo: string;
}

export interface LeaseReport {
  readonly leases: readonly LeaseRow[];
  /** Hosts that did not answer, and why. */
  readonly silent: readonly {readonly app: string; readonly host: string; readonly why: string}[];
}

async function askApps(
  world: World,
  apps: readonly App[],
): Promise<{readonly report: LeaseReport; readonly fleets: ReadonlyMap<App, FleetReport>}> {
  const leases: LeaseRow[] = [];
  const silent: {app: string; host: string; why: string}[] = [];
  const fleets = new Map<App, FleetReport>();
  for (const app of apps) {
    const hosts = hostsOfApp(world.inventory, app);
    const fleet = await readFleet(world, app, hosts);
    fleets.set(app, fleet);
    for (const {name, silo} of hosts) {
      const lease = fleet.states.get(name)?.lease;
      if (lease !== undefined) leases.push({app: app.name, host: name, silo, ...lease});
      const why = fleet.problems.get(name)?.message;
      if (why !== undefined) silent.push({app: app.name, host: name, why});
    }
  }
  return {report: {leases, silent}, fleets};
}

/** Who has which hosts, by the hosts' own word. */
export async function readLeases(world: World, apps: readonly App[]): Promise<{readonly report: LeaseReport; readonly end: RunEnd}> {
  const startedMs = world.now();
  await world.emit({kind: 'run-started', command: 'lease', operator: world.operator, hosts: countHosts(world, apps)});
  const {report} = await askApps(world, apps);
  const isWhole = report.silent.length === 0;
  const end = await endRun(world, startedMs, isWhole ? 'converged' : 'refused', isWhole ? {} : {code: 'unreachable'});
  return {report, end};
}

/** Ends the leases of one run on all hosts of the apps. Throws `leased` when somebody else has them, or their owner is alive and `takeover` is not meant. */
export async function releaseLeases(
  world: World,
  {apps, run, takeover}: {readonly apps: readonly App[]; readonly run: string; readonly takeover: boolean},
): Promise<{readonly freed: readonly {readonly app: string; readonly host: string}[]; readonly end: RunEnd}> {
  const startedMs = world.now();
  const reason = world.reason === '' ? {} : {reason: world.reason};
  await world.emit({kind: 'run-started', command: 'lease', operator: world.operator, hosts: countHosts(world, apps), ...reason});
  const {report, fleets} = await askApps(world, apps);
  if (!report.leases.some((lease) => lease.run === run)) throw explainWrongId(report, run);
  const freed: {app: string; host: string}[] = [];
  for (const [app, {states}] of fleets) {
    for (const host of await endLeases(world, {app, states, run, takeover})) freed.push({app: app.name, host});
  }
  return {freed, end: await endRun(world, startedMs, 'converged')};
}

function countHosts(world: World, apps: readonly App[]): number {
  return new Set(apps.flatMap((app) => hostsOfApp(world.inventory, app).map(({name}) => name))).size;
}

function explainWrongId({leases, silent}: LeaseReport, run: string): DroverError {
  const [other] = leases;
  const unseen = silent.length === 0 ? '' : ` (${silent.length} hosts did not answer)`;
  if (other === undefined) return new DroverError({code: 'refused', message: `no host is leased${unseen}`, fix: 'see: drover lease'});
  const message = `no host is leased under id ${run}${unseen}; ${other.host} is under ${other.run}, held by ${describeOwner(other)}`;
  return new DroverError({code: 'leased', message, fix: 'look again: drover lease'});
}

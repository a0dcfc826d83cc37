import {DroverError} from '../errors/drover-error.js';
import type {Pin} from '../host/host-records.js';
import type {App} from '../inventory/app.js';
import {foldHostSet} from '../inventory/folded-hosts.js';
import type {FleetReport} from './read-fleet.js';
import type {World} from './world.js';

export interface PinQuestion {
  readonly app: App;
  readonly fleet: FleetReport;
  /** Host -> the release it is to get. */
  readonly releases: ReadonlyMap<string, string>;
  /** What they are parts of, where they are. */
  readonly snapshot: string | undefined;
  /** The operator said so, with a reason. */
  readonly allowed: boolean;
  /** What to do about it, where it is not the beginning of a run. */
  readonly fix?: string;
}

/**
 * Refuses (`refused`) a snapshot that was taken back on any of the hosts, by whatever operator, until somebody says why it may go out again. What
 * is allowed is a warning of the run.
 */
export async function refusePinned(world: World, {app, fleet, releases, snapshot, allowed, fix}: PinQuestion): Promise<void> {
  const found = new Map<Pin, string[]>();
  for (const [host, {pins, live}] of fleet.states) {
    const release = releases.get(host);
    if (release === undefined || live === release) continue;
    const pin = pins.find((each) => each.release === release || (snapshot !== undefined && each.snapshot === snapshot));
    if (pin === undefined) continue;
    const same = [...found.keys()].find((each) => each.run === pin.run) ?? pin;
    found.set(same, [...(found.get(same) ?? []), host]);
  }
  const [first] = found;
  if (first === undefined) return;
  const [{release, run, at, owner, why}, hosts] = first;
  const name = (snapshot ?? release).slice(0, 12);
  const message = `snapshot ${name} of app "${app.name}" was taken back from ${foldHostSet(hosts)} at ${at.slice(0, 16).replace('T', ' ')} by ${owner} (run ${run}): ${why}`;
  if (!allowed) {
    throw new DroverError({code: 'refused', message, fix: fix ?? 'mend it and take a new snapshot, or pass --allow-pinned "REASON"'});
  }
  await world.emit({kind: 'warning', message});
}

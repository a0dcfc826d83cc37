import {setTimeout as sleep} from 'node:timers/promises';
import {DroverError, type Problem} from '../errors/drover-error.js';
import {formatDuration} from '../inventory/duration.js';
import {foldHostSet} from '../inventory/folded-hosts.js';
import type {FleetReport} from './read-fleet.js';
import type {World} from './world.js';

/** Other runs' leases, one problem for each host. */
function findLeased(fleet: FleetReport, ours?: string): readonly Problem[] {
  return [...fleet.states].flatMap(([host, {lease}]): Problem[] => {
    if (lease === undefined || lease.leftSeconds === 0 || lease.run === ours) return [];
    const why = lease.reason === '' ? '' : ` (${lease.reason})`;
    return [
      {
        code: 'leased',
        message: `${host} is leased by ${lease.owner} for run ${lease.run}${why}, ${lease.leftSeconds} s left`,
        host,
        fix: `wait (--wait-lease 5m), or if that run is dead: drover resume ${lease.run}`,
      },
    ];
  });
}

/** How long a run waits for the leases of others, counted once for all of it. */
export class LeaseWait {
  private readonly untilMs: number;

  constructor(
    private readonly world: World,
    waitMs: number,
  ) {
    this.untilMs = world.now() + waitMs;
  }

  /** Whether there is time left to wait, and nobody stopped the run. */
  get isOpen(): boolean {
    return this.world.now() < this.untilMs && !this.world.interrupted.aborted;
  }

  /**
   * Asks until no other run has one of the hosts, or the time is up, which throws `leased`. One line says who is waited for, until somebody else is.
   */
  async free<Found extends {readonly fleet: FleetReport}>(
    ask: () => Promise<Found>,
    ours: (found: Found) => string | undefined,
  ): Promise<Found> {
    let told = '';
    for (;;) {
      const found = await ask();
      const {fleet} = found;
      const problems = findLeased(fleet, ours(found));
      const [first, ...more] = problems;
      if (first === undefined) return found;
      if (!this.isOpen) throw new DroverError(first, ...more);
      const holder = fleet.states.get(first.host ?? '')?.lease;
      if (holder !== undefined && holder.run !== told) {
        told = holder.run;
        const hosts = foldHostSet(problems.flatMap(({host}) => host ?? []));
        const left = formatDuration(Math.ceil((this.untilMs - this.world.now()) / 1000) * 1000);
        await this.world.emit({kind: 'warning', message: `waiting up to ${left} for run ${holder.run} of ${holder.owner} on ${hosts}`});
      }
      await this.pause();
    }
  }

  /** Between one look and the next: 1 to 3 s, so that two who wait do not ask in step. A Ctrl-C ends it. */
  async pause(): Promise<void> {
    const {random, signal, interrupted} = this.world;
    await sleep(1000 + 2000 * random(), undefined, {signal: AbortSignal.any([signal, interrupted])}).catch(() => undefined);
    signal.throwIfAborted();
  }
}

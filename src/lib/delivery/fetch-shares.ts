import type {PushRate} from '../inventory/app.js';
import type {Host} from '../inventory/host.js';

/** Below this a fetch looks like a stall. */
const leastPerSecond = 1024;

/**
 * What each host may take per second from a bucket or a relay, where nobody but the host itself can hold it back. A limit of a silo, or of the run, is
 * divided among the hosts that may take at once when one begins: those that have not ended, no more than are worked on at a time. That number only
 * falls, so that the shares of those under way never add up to more than the limit; what a host leaves over is not given to those that
 * have begun.
 */
export class FetchShares {
  readonly #left = new Map<string, string>();

  constructor(
    private readonly rate: PushRate,
    private readonly concurrency: number,
    hosts: readonly Pick<Host, 'name' | 'silo'>[],
  ) {
    for (const {name, silo} of hosts) this.#left.set(name, silo);
  }

  /** Bytes per second for a host that begins now, at least 1024; undefined where nothing limits it. */
  shareOf({name, silo}: Pick<Host, 'name' | 'silo'>): number | undefined {
    this.#left.set(name, silo);
    const peers = [...this.#left.values()];
    const among = (limit: number | undefined, hosts: number): number =>
      limit === undefined ? Number.POSITIVE_INFINITY : limit / Math.min(this.concurrency, hosts);
    const {rate} = this;
    const share = Math.min(
      rate.host ?? Number.POSITIVE_INFINITY,
      among(rate.silo, peers.filter((each) => each === silo).length),
      among(rate.run, peers.length),
    );
    return Number.isFinite(share) ? Math.max(leastPerSecond, Math.floor(share)) : undefined;
  }

  /** This host takes nothing more. */
  leave({name}: Pick<Host, 'name'>): void {
    this.#left.delete(name);
  }
}

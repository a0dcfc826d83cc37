import {DroverError} from '../errors/drover-error.js';
import type {Place} from '../traffic/everywhere.js';

/**
 * Which workers keep a channel paused, nsqd by nsqd, by the names of places and hosts. A channel stands still while anybody keeps it, and the last to let
 * go opens it. Orders to one place go one after the other: whoever opens has looked within the same turn whether somebody keeps it.
 */
export class ChannelHolds {
  private readonly keepers = new Map<string, Set<string>>();
  /** The last order at each place; never rejects. */
  private readonly turns = new Map<string, Promise<void>>();
  private readonly lost = new Set<string>();

  isKept(place: string): boolean {
    return (this.keepers.get(place)?.size ?? 0) > 0;
  }

  /** When this returns nobody opens these places until the worker has let go; what was being opened is open, and has to be taken out again. */
  async keep(places: readonly Place[], worker: string): Promise<void> {
    for (const {name} of places) this.keepers.set(name, new Set([...(this.keepers.get(name) ?? []), worker]));
    await Promise.all(places.flatMap(({name}) => this.turns.get(name) ?? []));
  }

  /** At once, so that of two that let go together the later one knows itself the last. False where others keep all that the worker kept. */
  letGo(worker: string): boolean {
    const kept = [...this.keepers.values()].filter((workers) => workers.delete(worker));
    return kept.length === 0 || kept.some(({size}) => size === 0);
  }

  /** Another run has the host: nothing is ordered for this worker any more, and nobody here waits for it. */
  forfeit(worker: string): void {
    this.lost.add(worker);
    this.letGo(worker);
  }

  /** Puts a place back that nobody keeps. */
  open(place: Place, signal: AbortSignal): Promise<void> {
    return this.takeTurn(place, async () => {
      if (!this.isKept(place.name)) await place.putBack(signal);
    });
  }

  /** The place for a drain of one worker that keeps it: what the drain takes back is not opened under others. */
  share(place: Place, worker: string): Place {
    return {
      name: place.name,
      look: (signal) => place.look(signal),
      takeOut: (signal) =>
        this.takeTurn(place, async () => {
          if (this.keepers.get(place.name)?.has(worker) !== true) throw refuseLost(place, worker);
          await place.takeOut(signal);
        }),
      putBack: async (signal) => {
        if (this.lost.has(worker)) return;
        this.keepers.get(place.name)?.delete(worker);
        await this.open(place, signal);
      },
    };
  }

  private takeTurn({name}: Place, order: () => Promise<void>): Promise<void> {
    const turn = (this.turns.get(name) ?? Promise.resolve()).then(order);
    this.turns.set(
      name,
      turn.catch(() => undefined),
    );
    return turn;
  }
}

function refuseLost({name}: Place, host: string): DroverError {
  return new DroverError({
    code: 'leased',
    host,
    message: `${host}: ${name} is not paused again, because another run has the host`,
    fix: `see who: drover status`,
  });
}

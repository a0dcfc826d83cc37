import {setTimeout as sleep} from 'node:timers/promises';
import {VerbError} from '../host/verb-call.js';
import type {World} from './world.js';

/** A transfer of somebody else that takes longer is not waited for. */
const longestMs = 10 * 60_000;

/**
 * Two runs that bring a host the same delta in the same moment are one transfer and one wait: what the other one brings counts for both. Tried again every
 * second or so while the host says that somebody is at it; then, or once the run is stopped, its `busy` is thrown.
 */
export async function awaitBusy<T>(world: World, action: () => Promise<T>): Promise<T> {
  const untilMs = world.now() + longestMs;
  for (;;) {
    try {
      return await action();
    } catch (error) {
      const isBusy = error instanceof VerbError && error.failure === 'busy';
      if (!isBusy || world.now() >= untilMs || world.interrupted.aborted) throw error;
      await sleep(500 + 1000 * world.random(), undefined, {signal: world.signal});
    }
  }
}

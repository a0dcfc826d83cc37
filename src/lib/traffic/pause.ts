import {setTimeout as sleepFor} from 'node:timers/promises';

/** Waits `ms`; rejects when the signal is aborted first. */
export type Pause = (ms: number, signal: AbortSignal) => Promise<void>;

export const pause: Pause = async (ms, signal) => {
  await sleepFor(ms, undefined, {signal});
};

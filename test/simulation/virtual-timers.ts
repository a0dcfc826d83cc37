import {currentClock} from './virtual-clock.js';

/** Stands for `node:timers/promises` in the simulator's bundle. */
export function setTimeout<T>(ms = 0, value?: T, {signal}: {readonly signal?: AbortSignal} = {}): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal?.reason);
    if (signal?.aborted === true) return abort();
    signal?.addEventListener('abort', abort, {once: true});
    return currentClock().after(ms, () => {
      signal?.removeEventListener('abort', abort);
      resolve(value as T);
    });
  });
}

export function setImmediate(): Promise<void> {
  return setTimeout(0);
}

/** Stands for `node:perf_hooks`. */
export const performance = {now: (): number => currentClock().nowMs};

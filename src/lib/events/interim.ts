import type {Happening} from './event.js';

/** Whether an event is only a moment on the way: the next one of its kind says more. Nobody keeps those. */
export function isInterim(happening: Happening): boolean {
  return happening.kind === 'transfer' && happening.sentBytes < happening.totalBytes;
}

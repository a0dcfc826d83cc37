import type {Drain} from './app.js';

/** Cut sessions end within moments. */
const graceMs = 10_000;
const upMs = 30_000;

/** How long a host may take to leave rotation. */
export function boundDrainMs(drain: Drain | undefined): number {
  if (drain === undefined) return graceMs;
  const closeOverMs = drain.kind === 'haproxy' ? (drain.closeOverMs ?? 0) : 0;
  return Math.max(drain.waitMs, drain.longestMs ?? 0) + closeOverMs + graceMs;
}

/** How long a host may take to have its full share of traffic again. */
export function boundAdmitMs(drain: Drain | undefined): number {
  return upMs + boundRampMs(drain);
}

/** The part of it that a host spends in rotation with less than its full share. */
export function boundRampMs(drain: Drain | undefined): number {
  const ramp = drain?.kind === 'haproxy' ? drain.ramp : undefined;
  return ramp === undefined ? 0 : (ramp.steps.length - 1) * ramp.waitMs;
}

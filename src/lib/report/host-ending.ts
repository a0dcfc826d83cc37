import type {HostOutcome, Step} from '../events/event.js';
import type {HostRecord, RunModel, WaveRecord} from './run-model.js';

const readingSteps: ReadonlySet<Step> = new Set<Step>(['connect', 'read-state', 'health']);

/** How a host ended, in the word that decides what the operator does next. */
export interface HostEnding {
  readonly outcome: HostOutcome;
  /** False where the run never came to the host and no event says so. */
  readonly reached: boolean;
}

/**
 * A host without a last word was never touched (`skipped`), or it was being changed when the run ended and its state
 * is unknown (`interrupted`).
 */
export function judgeHost({outcome, steps}: HostRecord): HostEnding {
  if (outcome !== undefined) return {outcome, reached: true};
  const changed = steps.some(({step}) => !readingSteps.has(step));
  return changed ? {outcome: 'interrupted', reached: true} : {outcome: 'skipped', reached: false};
}

/** Wall time of a wave, up to now while it goes on; undefined before it started. */
export function measureWave(wave: WaveRecord, nowMs: number): number | undefined {
  if (wave.ms !== undefined) return wave.ms;
  return wave.startedMs === undefined ? undefined : Math.max(0, (wave.endedMs ?? nowMs) - wave.startedMs);
}

/** Wall time of the run, up to the last event while it goes on. */
export function measureRun(model: RunModel): number {
  return model.ended?.ms ?? model.lastMs - model.startedMs;
}

/** Bytes of deltas that left this machine. */
export function countSentBytes(model: RunModel): number {
  let bytes = 0;
  for (const {sentBytes, relayedBytes} of model.hosts.values()) bytes += sentBytes - relayedBytes;
  return bytes;
}

/** Bytes of deltas that hosts took from relays. */
export function countRelayedBytes(model: RunModel): number {
  let bytes = 0;
  for (const {relayedBytes} of model.hosts.values()) bytes += relayedBytes;
  return bytes;
}

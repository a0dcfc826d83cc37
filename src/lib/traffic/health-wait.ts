import {type Pause, pause} from './pause.js';
import {describeProbe, type ProbeResult, type ProbeRound, probeHost} from './probe.js';

export type HealthVerdict =
  | {readonly kind: 'healthy'; readonly results: readonly ProbeResult[]; readonly ms: number; readonly release?: string}
  /** `why` is the last failure in words. */
  | {readonly kind: 'unhealthy'; readonly results: readonly ProbeResult[]; readonly ms: number; readonly why: string};

/**
 * Repeats all probes until all have passed in `rise` rounds in a row (the highest `rise` of them), or until one fails at or after its
 * own deadline. Waits the shortest interval between rounds. Without probes a host is healthy. Throws only on abort.
 */
export async function awaitHealthy({sleep = pause, ...round}: ProbeRound & {readonly sleep?: Pause}): Promise<HealthVerdict> {
  const {probes, now, signal} = round;
  if (probes.length === 0) return {kind: 'healthy', results: [], ms: 0};
  const rise = Math.max(...probes.map((probe) => probe.rise));
  const intervalMs = Math.min(...probes.map((probe) => probe.intervalMs));
  const longestMs = Math.max(...probes.map((probe) => probe.deadlineMs));
  const startedAt = now();
  let passes = 0;
  let lastWhy = '';
  while (true) {
    const results = await probeHost(round);
    const failed = results.filter((result) => !result.ok);
    passes = failed.length === 0 ? passes + 1 : 0;
    const ms = now() - startedAt;
    const release = results.find((result) => result.release !== undefined)?.release;
    if (passes >= rise) return {kind: 'healthy', results, ms, ...(release === undefined ? {} : {release})};
    if (failed.length > 0) lastWhy = failed.map((result) => result.detail).join('; ');
    const late = failed.filter((result) => ms >= result.probe.deadlineMs);
    if (late.length > 0) return {kind: 'unhealthy', results, ms, why: late.map((result) => result.detail).join('; ')};
    if (ms >= longestMs) return {kind: 'unhealthy', results, ms, why: describeUnsteady(round, passes, rise, longestMs, lastWhy)};
    await sleep(intervalMs, signal);
  }
}

function describeUnsteady({probes}: ProbeRound, passes: number, rise: number, longestMs: number, lastWhy: string): string {
  const last = lastWhy === '' ? '' : `; last failure: ${lastWhy}`;
  return `${probes.map(describeProbe).join(', ')}: passed ${passes} of ${rise} times in a row within ${longestMs / 1000} s${last}`;
}

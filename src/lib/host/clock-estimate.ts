import type {Link} from './link.js';
import {missingLine, openVerbSession} from './verb-session.js';

/** One question for the time: when it left, what the host's clock said, when the answer was here. Milliseconds since the epoch. */
export interface ClockSample {
  readonly sentMs: number;
  readonly hostMs: number;
  readonly heardMs: number;
}

/** How far a host's clock is ahead of ours (behind: negative), in milliseconds; it is not further than `errorMs` from the truth. */
export interface ClockEstimate {
  readonly offsetMs: number;
  readonly errorMs: number;
}

/**
 * What NTP does: the host's time belongs to some moment of the round trip, so that its middle is wrong by half of it at most, and the
 * shortest round trip says most. `grainMs` is how exactly the host can tell its time. Undefined without samples.
 */
export function estimateClock(samples: readonly ClockSample[], grainMs: number): ClockEstimate | undefined {
  const estimates = samples.map(({sentMs, hostMs, heardMs}) => ({
    offsetMs: hostMs + grainMs / 2 - (sentMs + heardMs) / 2,
    errorMs: (heardMs - sentMs) / 2 + grainMs / 2,
  }));
  return estimates.reduce<ClockEstimate | undefined>(
    (best, each) => (best === undefined || each.errorMs < best.errorMs ? each : best),
    undefined,
  );
}

/** `+3.201 s ± 4 ms`. */
export function formatClock({offsetMs, errorMs}: ClockEstimate): string {
  const size = Math.abs(offsetMs);
  const offset = size < 1000 ? `${Math.round(size)} ms` : `${(size / 1000).toFixed(3)} s`;
  return `${offsetMs < 0 ? '-' : '+'}${offset} ± ${Math.ceil(errorMs)} ms`;
}

/** Samples at first, and as long as a bound is given that they do not suffice for. */
const fewSamples = 6;
const mostSamples = 40;

/** Asks a host for its time over the open link until the estimate is good enough to be held against `boundMs`. Throws `VerbError`. */
export async function readClock(
  link: Link,
  {now, boundMs, signal}: {readonly now: () => number; readonly boundMs: number; readonly signal: AbortSignal},
): Promise<ClockEstimate> {
  const session = openVerbSession(link, {verb: 'clock', values: {}, signal, now, totalTimeoutMs: 30_000});
  try {
    const grainMs = Number(await expect('grain'));
    const samples: ClockSample[] = [];
    let estimate: ClockEstimate | undefined;
    while (samples.length < fewSamples || (samples.length < mostSamples && (estimate?.errorMs ?? 0) > boundMs / 4)) {
      const sentMs = now();
      session.say('tick');
      const line = await session.hear();
      const hostMs = Number(/^tick (\d+)$/.exec(line?.text ?? '')?.[1] ?? Number.NaN);
      if (line === undefined || Number.isNaN(hostMs)) break;
      samples.push({sentMs, hostMs, heardMs: line.atMs});
      estimate = estimateClock(samples, grainMs);
    }
    session.close();
    await session.ended;
    if (estimate === undefined) throw missingLine(link, 'clock');
    return estimate;
  } finally {
    session.close();
  }

  async function expect(word: string): Promise<string> {
    const line = await session.hear();
    if (line === undefined) await session.ended;
    const value = new RegExp(`^${word} (\\d+)$`).exec(line?.text ?? '')?.[1];
    if (value === undefined) throw missingLine(link, 'clock');
    return value;
  }
}

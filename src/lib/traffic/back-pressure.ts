import {readCacheVerdict} from './cache-verdict.js';
import type {WarmSample} from './warm-fetch.js';
import {percentile} from './warm-pass.js';

const firstPauseMs = 1_000;
const longestPauseMs = 30_000;
/** The rate never falls below this share of what was asked for. */
const lowestShare = 1 / 16;
const latencyRise = 3;
/** Below this, three times as long is noise. */
const noticeableMs = 50;
/** As many earlier answers make a comparison. */
const enoughSamples = 5;

/**
 * How fast to go on. A 429 or 503, or answers past the cache three times as slow as before, halve the rate and cost a pause that
 * doubles each time in a row; each calm batch gives half as much again back, up to the rate that was asked for.
 */
export class BackPressure {
  readonly #wantedPerSecond: number;
  readonly #times: number[] = [];
  #share = 1;
  #inRow = 0;
  #total = 0;
  #meanMs?: number;

  constructor(wantedPerSecond: number) {
    this.#wantedPerSecond = wantedPerSecond;
  }

  get ratePerSecond(): number {
    return this.#wantedPerSecond * this.#share;
  }

  /** How long an answer of the last batch took; undefined before the first. */
  get meanMs(): number | undefined {
    return this.#meanMs;
  }

  /** How often it was pressed. */
  get total(): number {
    return this.#total;
  }

  /** Takes in one batch; milliseconds to wait before the next. */
  assess(samples: readonly WarmSample[]): number {
    if (samples.length > 0) this.#meanMs = samples.reduce((sum, {ms}) => sum + ms, 0) / samples.length;
    const pushedBack = samples.some((sample) => sample.kind === 'answered' && (sample.status === 429 || sample.status === 503));
    const times = samples
      .filter((sample) => sample.kind === 'answered' && readCacheVerdict(sample.headers) !== 'hit')
      .map((sample) => sample.ms);
    const typicalMs = percentile(times, 0.5);
    const slower =
      this.#times.length >= enoughSamples && typicalMs >= noticeableMs && typicalMs > latencyRise * percentile(this.#times, 0.5);
    this.#times.push(...times);
    if (!pushedBack && !slower) {
      this.#inRow = 0;
      this.#share = Math.min(1, this.#share * 1.5);
      return 0;
    }
    this.#total += 1;
    this.#inRow += 1;
    this.#share = Math.max(lowestShare, this.#share / 2);
    return Math.min(longestPauseMs, firstPauseMs * 2 ** (this.#inRow - 1));
  }
}

import {setTimeout as sleep} from 'node:timers/promises';
import {DroverError, type Problem} from '../errors/drover-error.js';

/**
 * Declared retry: `attempts` tries with full jitter between them: after try n a wait of 0 to min(maxDelayMs, firstDelayMs × 2ⁿ⁻¹).
 * Worst case of waiting: (attempts − 1) × maxDelayMs.
 */
export interface RetryPolicy {
  readonly attempts: number;
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
}

/** What fan-outs use unless they say otherwise: three tries, at most 1 s + 2 s of waiting. */
export const defaultRetry: RetryPolicy = {attempts: 3, firstDelayMs: 1000, maxDelayMs: 5000};

/** Only a way that may be open a moment later is tried again: never a login that was refused, never a host key, never a refusal. */
function isTransient(problem: Problem): boolean {
  return problem.code === 'unreachable';
}

export interface RetryNotice {
  readonly attempt: number;
  readonly of: number;
  readonly waitMs: number;
  readonly why: string;
}

/** Runs `attempt` until it succeeds, fails for good, or the tries are spent; throws the last failure. */
export async function retryTransient<T>(
  attempt: () => Promise<T>,
  options: {
    readonly policy: RetryPolicy;
    readonly random: () => number;
    readonly signal: AbortSignal;
    readonly onRetry?: (notice: RetryNotice) => void | Promise<void>;
  },
): Promise<T> {
  const {policy, random, signal, onRetry} = options;
  for (let number = 1; ; number++) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof DroverError) || !isTransient(error.problems[0]) || number >= policy.attempts || signal.aborted) throw error;
      const waitMs = Math.round(random() * Math.min(policy.maxDelayMs, policy.firstDelayMs * 2 ** (number - 1)));
      await onRetry?.({attempt: number, of: policy.attempts, waitMs, why: error.message});
      await sleep(waitMs, undefined, {signal});
    }
  }
}

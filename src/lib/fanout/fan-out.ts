import pLimit from 'p-limit';
import {DroverError, type Problem} from '../errors/drover-error.js';
import {defaultRetry, type RetryNotice, type RetryPolicy, retryTransient} from './retry.js';

/**
 * How one item of a fan-out ended. `skipped`: never started, because the budget was spent or the run was interrupted first.
 * `interrupted`: started, and its end is unknown.
 */
export type Outcome<T, R> =
  | {readonly kind: 'done'; readonly item: T; readonly value: R}
  | {readonly kind: 'failed'; readonly item: T; readonly problem: Problem}
  | {readonly kind: 'skipped'; readonly item: T}
  | {readonly kind: 'interrupted'; readonly item: T};

export interface FanOutOptions<T, R> {
  /** At most this many at once, 1..1000. */
  readonly concurrency: number;
  /** No further item is started once more than this many failed; Infinity tries all. */
  readonly budget?: number;
  readonly retry?: RetryPolicy;
  readonly random: () => number;
  /** Ends everything: running items end `interrupted`, the rest `skipped`. */
  readonly signal: AbortSignal;
  /** Starts no further item; what runs is finished. */
  readonly drain?: AbortSignal;
  readonly onRetry?: (item: T, notice: RetryNotice) => void | Promise<void>;
  /** Called as each item ends, in the order in which they end. */
  readonly onOutcome?: (outcome: Outcome<T, R>) => void | Promise<void>;
}

/**
 * One attempt per item, many at once, tried again where that can help; one outcome per item, in the order of the items. Never rejects
 * because an item failed on purpose; a bug, also one of `onOutcome`, is thrown through once all running items have ended, and starts no more.
 */
export async function fanOut<T, R>(
  items: readonly T[],
  attempt: (item: T) => Promise<R>,
  options: FanOutOptions<T, R>,
): Promise<readonly Outcome<T, R>[]> {
  const {budget = Number.POSITIVE_INFINITY, retry = defaultRetry, random, signal, drain, onRetry, onOutcome} = options;
  const limit = pLimit(options.concurrency);
  let failures = 0;
  let bug: unknown;
  const run = async (item: T): Promise<Outcome<T, R>> => {
    if (signal.aborted || drain?.aborted || failures > budget || bug !== undefined) return {kind: 'skipped', item};
    try {
      const value = await retryTransient(() => attempt(item), {
        policy: retry,
        random,
        signal,
        onRetry: (notice) => onRetry?.(item, notice),
      });
      return {kind: 'done', item, value};
    } catch (error) {
      if (signal.aborted) return {kind: 'interrupted', item};
      if (!(error instanceof DroverError)) {
        bug ??= error;
        return {kind: 'interrupted', item};
      }
      failures++;
      return {kind: 'failed', item, problem: error.problems[0]};
    }
  };
  const outcomes = await Promise.all(
    items.map((item) =>
      limit(async () => {
        const outcome = await run(item);
        try {
          await onOutcome?.(outcome);
        } catch (error) {
          bug ??= error;
        }
        return outcome;
      }),
    ),
  );
  if (bug !== undefined) throw bug;
  return outcomes;
}

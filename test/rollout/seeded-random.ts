/** Numbers that a seed decides: the same seed, the same run. */
export interface SeededRandom {
  /** 0 <= x < 1. */
  next(): number;
  /** An integer, 0 <= x < limit. */
  below(limit: number): number;
  chance(share: number): boolean;
  pick<T>(choices: readonly T[]): T;
}

/** mulberry32. */
export function seedRandom(seed: number): SeededRandom {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number): number => Math.floor(next() * limit);
  return {next, below, chance: (share) => next() < share, pick: (choices) => choices[below(choices.length)]!};
}

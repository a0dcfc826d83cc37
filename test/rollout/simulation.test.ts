import {describe, expect, it} from 'vitest';
import {randomScenario} from './scenario.js';
import {describeVerdict, simulate} from './simulation.js';

/** Replay one seed with SIMULATION_FIRST_SEED=n SIMULATION_SEEDS=1. */
const seeds = Number(process.env.SIMULATION_SEEDS ?? 12_000);
const firstSeed = Number(process.env.SIMULATION_FIRST_SEED ?? 1);

describe('a rollout in a world where a seed decides what goes wrong', () => {
  it('breaks no rule and tells the truth at its end', {timeout: 3_600_000}, () => {
    for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
      const verdict = simulate(randomScenario(seed));
      if (verdict.violations.length > 0) expect.fail(describeVerdict(randomScenario(seed), verdict));
    }
  });

  it('sees every way to end, every kind of failure and both directions, or the seeds prove little', () => {
    const seen = new Set<string>();
    for (let seed = 1; seed <= 600; seed++) {
      const {end, trace} = simulate(randomScenario(seed));
      seen.add(end?.outcome ?? 'none');
      for (const word of [
        '(fenced)',
        '(release)',
        '(host)',
        'rotation-failed',
        'lease-failed',
        'interrupt',
        'after 5000 ms',
        'soak',
        'revert',
      ]) {
        if (trace.some((line) => line.includes(word))) seen.add(word);
      }
    }
    expect([...seen].sort()).toEqual(
      [
        ...['converged', 'interrupted', 'needs-attention', 'refused', 'rolled-back'],
        ...['(fenced)', '(release)', '(host)', 'rotation-failed', 'lease-failed', 'interrupt', 'after 5000 ms', 'soak', 'revert'],
      ].sort(),
    );
  });

  it('is the same run for the same seed', () => {
    expect(simulate(randomScenario(7)).trace).toEqual(simulate(randomScenario(7)).trace);
  });
});

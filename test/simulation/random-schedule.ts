import {type SeededRandom, seedRandom} from '../rollout/seeded-random.js';
import {type Actor, type Fault, faultKinds, type Schedule} from './schedule.js';

/** Writes of the longest verb. */
const mostWrites = 9;

/** One to three operators, each with their own command, moment and bad luck. */
export function randomSchedule(seed: number): Schedule {
  const random = seedRandom(seed);
  const silos = Array.from({length: 1 + random.below(2)}, () => 1 + random.below(4));
  const actors = Array.from({length: 1 + random.below(3)}, (_, index): Actor => drawActor(random, index, silos.length));
  const names = silos.flatMap((size, silo) => Array.from({length: size}, (_, place) => `${['eu', 'us'][silo]}-${place + 1}`));
  return {
    seed,
    silos,
    floor: random.below(Math.min(...silos)),
    budget: random.pick([0, 1, 2]),
    soakMs: random.pick([0, 0, 30_000]),
    confirmMs: random.pick([300_000, 300_000, 20_000, 0]),
    isDrained: random.chance(0.85),
    badOn: random.chance(0.3) ? names.filter(() => random.chance(0.5)) : [],
    actors,
  };
}

function drawActor(random: SeededRandom, index: number, silos: number): Actor {
  const faults = Array.from({length: random.pick([0, 1, 1, 2, 4])}, (): Fault => {
    const kind = random.pick(faultKinds);
    return {
      nth: 1 + random.below(70),
      kind,
      ...(kind === 'power-cut' || kind === 'disk-full' ? {write: 1 + random.below(mostWrites)} : {}),
    };
  });
  return {
    command:
      index === 0
        ? random.pick(['deploy', 'deploy', 'other-deploy', 'rollback'])
        : random.pick(['deploy', 'other-deploy', 'rollback', 'resume']),
    startMs: random.pick([0, random.below(2000), random.below(20_000), random.below(500_000)]),
    faults,
    ...(silos > 1 && random.chance(0.3) ? {silos: [random.pick(['eu', 'us'])]} : {}),
    ...(index > 0 && random.chance(0.5) ? {isAfter: true} : {}),
    ...(random.chance(0.5) ? {waitLeaseMs: 300_000} : {}),
  };
}

import type {Schedule} from './schedule.js';

/** Takes away what a schedule still fails without, until nothing more can go. `fails` is asked at most `most` times. */
export async function shrink(schedule: Schedule, fails: (schedule: Schedule) => Promise<boolean>, most = 300): Promise<Schedule> {
  let smallest = schedule;
  let left = most;
  for (let isSmaller = true; isSmaller; ) {
    isSmaller = false;
    for (const simpler of simplify(smallest)) {
      if (left-- <= 0) return smallest;
      if (!(await fails(simpler))) continue;
      smallest = simpler;
      isSmaller = true;
      break;
    }
  }
  return smallest;
}

function* simplify(schedule: Schedule): Generator<Schedule> {
  const {actors, silos, badOn} = schedule;
  for (const index of actors.keys()) if (actors.length > 1) yield {...schedule, actors: actors.filter((_, place) => place !== index)};
  for (const [index, actor] of actors.entries()) {
    const change = (more: Partial<typeof actor>): Schedule => ({
      ...schedule,
      actors: actors.map((each, place) => (place === index ? {...each, ...more} : each)),
    });
    for (const fault of actor.faults) yield change({faults: actor.faults.filter((each) => each !== fault)});
    if (actor.startMs > 0) yield change({startMs: 0});
  }
  if (badOn.length > 0) yield {...schedule, badOn: badOn.slice(1)};
  if (silos.length > 1) yield {...schedule, silos: silos.slice(0, 1), actors: actors.map(({silos: _all, ...actor}) => actor)};
  for (const [index, size] of silos.entries()) {
    if (size - 1 > schedule.floor) yield {...schedule, silos: silos.map((each, place) => (place === index ? each - 1 : each))};
  }
  if (schedule.soakMs > 0) yield {...schedule, soakMs: 0};
}

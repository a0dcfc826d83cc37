import {type SeededRandom, seedRandom} from '../rollout/seeded-random.js';
import {type Actor, type Command, type Fault, type FaultKind, faultKinds, plainSchedule, type Schedule} from './schedule.js';

/** Plays a schedule; gives how many calls each of its actors made. */
export type PlayOne = (schedule: Schedule) => Promise<readonly number[]>;

const commands: readonly Command[] = ['deploy', 'rollback', 'resume'];
const recoveries: readonly Command[] = ['resume', 'rollback', 'other-deploy'];
const killers: readonly FaultKind[] = ['kill-before', 'kill-after', 'kill-late'];
/** Writes of the longest verb. */
const mostWrites = 9;

/** A deploy that was killed half way, for another operator to go on with. */
const halfway: Actor = {command: 'deploy', startMs: 0, faults: [{nth: 33, kind: 'kill-after'}]};

/** Whether the next piece of a campaign is to be played here, and not by another process. */
export type IsMine = () => boolean;

/**
 * The n-th call of a deploy, a rollback and a resume fails, in each way that there is: n = 1, 2, … as long as they get that far. A run whose
 * operator was killed is recovered in each way. `sizes`: hosts of the fleets; `kinds`: ways to fail.
 */
export async function failEach(sizes: readonly number[], kinds: readonly FaultKind[], playOne: PlayOne, isMine: IsMine): Promise<void> {
  for (const size of sizes) {
    for (const command of commands) {
      for (const kind of kinds) if (isMine()) await failEachCall(size, command, kind, playOne);
    }
  }
}

async function failEachCall(size: number, command: Command, kind: FaultKind, playOne: PlayOne): Promise<void> {
  const more = {silos: [size], floor: size - 1, budget: size > 2 ? 1 : 0};
  const before = command === 'resume' ? [halfway] : [];
  const next = killers.includes(kind) ? recoveries.map((recovery) => [recoverBy(recovery)]) : [[]];
  // Forward and back to where it began, before what the dead one had asked for arrives: only its epoch tells.
  if (kind === 'kill-late') next.push([recoverBy('resume'), {...recoverBy('rollback'), startMs: 1000}]);
  for (let nth = 1; ; nth++) {
    let calls = 0;
    for (const fault of listVariants(nth, kind)) {
      const actor: Actor = {command, faults: [fault], ...(command === 'resume' ? {startMs: 200_000, isAfter: true} : {startMs: 0})};
      for (const after of next) {
        const made = await playOne(plainSchedule([...before, actor, ...after], more));
        calls = Math.max(calls, made[before.length] ?? 0);
      }
    }
    if (calls < nth) return;
  }
}

function listVariants(nth: number, kind: FaultKind): readonly Fault[] {
  if (kind !== 'power-cut' && kind !== 'disk-full') return [{nth, kind}];
  return Array.from({length: mostWrites}, (_, index) => ({nth, kind, write: index + 1}));
}

/** Somebody else goes on: at once, or when the lease of whoever died has run out. */
function recoverBy(command: Command, faults: readonly Fault[] = []): Actor {
  return {command, startMs: command === 'resume' ? 1000 : 95_000, isAfter: true, waitLeaseMs: 300_000, faults};
}

/** A deploy that dies at its call i, a recovery that dies at its call j, and what brings that to rest: all pairs, for each way to recover. */
export async function crashTwice(size: number, playOne: PlayOne, isMine: IsMine): Promise<void> {
  const more = {silos: [size], floor: size - 1};
  const [all = 0] = await playOne(plainSchedule([{command: 'deploy', startMs: 0, faults: []}], more));
  for (const recovery of recoveries) {
    for (const kind of killers) {
      for (let i = 1; i <= all; i++) {
        if (!isMine()) continue;
        for (let j = 1, made = 1; j <= made; j++) {
          const crash: Actor = {command: 'deploy', startMs: 0, faults: [{nth: i, kind}]};
          const again = recoverBy(recovery, [{nth: j, kind: j % 2 === 0 ? 'kill-before' : 'kill-after'}]);
          const calls = await playOne(plainSchedule([crash, again], more));
          // Killed at its call j, it had made that many, and there may be more.
          made = (calls[1] ?? 0) >= j ? j + 1 : 0;
        }
      }
    }
  }
}

/** Two operators at once, the second one every few milliseconds later, up to the end of the first. */
export async function interleave(size: number, stepMs: number, playOne: PlayOne, isMine: IsMine): Promise<void> {
  for (const first of ['deploy', 'rollback'] as const) {
    for (const second of ['other-deploy', 'rollback', 'resume'] as const) {
      if (!isMine()) continue;
      for (let startMs = 0; startMs < 4000 * size; startMs += stepMs) {
        await playOne(
          plainSchedule(
            [
              {command: first, startMs: 0, faults: []},
              {command: second, startMs, faults: [], waitLeaseMs: 300_000},
            ],
            {silos: [size], floor: size - 1},
          ),
        );
      }
    }
  }
}

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

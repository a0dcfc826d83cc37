import {play} from './play.js';
import {type Actor, type Command, type Fault, type FaultKind, plainSchedule, type Schedule} from './schedule.js';

/** Schedules of a campaign that belong together, by number: nothing is random, and the same number is always the same schedule. */
export interface Part {
  readonly size: number;
  /** `index` from 0 to before `size`. */
  readonly at: (index: number) => Schedule;
  /** An earlier part goes on from the very same world: nothing new would come of any of its schedules. */
  readonly isKnown: boolean;
}

const recoveries: readonly Command[] = ['resume', 'rollback', 'other-deploy'];
const killers: readonly FaultKind[] = ['kill-before', 'kill-after', 'kill-late'];

const quiet = (size: number, budget = 0): Partial<Schedule> => ({silos: [size], floor: size - 1, budget});

/** Calls of each actor, as far as they get before anybody brings the fleet to rest. */
async function measure(schedule: Schedule): Promise<readonly (readonly (number | undefined)[])[]> {
  const {calls} = await play(schedule, {isOpenEnded: true});
  return calls;
}

/** Calls of the last of two actors; the world from which it goes on is asked for them once. */
class SecondCalls {
  readonly #known = new Set<string>();
  readonly #calls = new Map<string, number>();

  async measure(schedule: Schedule): Promise<{readonly calls: number; readonly isKnown: boolean}> {
    const {calls, isKnown, key} = await play(schedule, {isOpenEnded: true, known: this.#known});
    if (!isKnown) this.#calls.set(key, calls[1]?.length ?? 0);
    return {calls: this.#calls.get(key) ?? 0, isKnown};
  }
}

const plainDeploy: Actor = {command: 'deploy', startMs: 0, faults: []};

/** Somebody else goes on: at once, or when the lease of whoever died has run out. */
function recoverBy(command: Command, faults: readonly Fault[] = []): Actor {
  return {command, startMs: command === 'resume' ? 1000 : 95_000, isAfter: true, waitLeaseMs: 300_000, faults};
}

/** What a command finds: a fleet at rest, or for `resume` and `prune` a deploy that was killed half way. */
async function makeBefore(command: Command, size: number): Promise<readonly Actor[]> {
  if (command !== 'resume' && command !== 'prune') return [];
  const [calls = []] = await measure(plainSchedule([plainDeploy], quiet(size)));
  return [{...plainDeploy, faults: [{nth: Math.ceil(calls.length / 2), kind: 'kill-after'}]}];
}

/**
 * The n-th call of a deploy, a rollback, a resume and a prune fails, in each of `kinds`, n = 1, 2, … as far as they get; a disk that is full, or
 * loses its power, does so at each write of the call. A run whose operator was killed is recovered in each way.
 */
export async function* failEach(sizes: readonly number[], kinds: readonly FaultKind[]): AsyncGenerator<Part> {
  for (const size of sizes) {
    for (const command of ['deploy', 'rollback', 'resume', 'prune'] as const) {
      const before = await makeBefore(command, size);
      const more = quiet(size, size > 2 ? 1 : 0);
      const actor: Actor = {command, faults: [], ...(before.length > 0 ? {startMs: 200_000, isAfter: true} : {startMs: 0})};
      const calls = (await measure(plainSchedule([...before, actor], more)))[before.length] ?? [];
      for (const kind of kinds) {
        const faults = calls.flatMap((writes, index) => listVariants(index + 1, kind, writes));
        const next = listNext(kind);
        yield {
          ...{size: faults.length * next.length, isKnown: false},
          at: (index) => {
            const fault = faults[Math.floor(index / next.length)] as Fault;
            return plainSchedule([...before, {...actor, faults: [fault]}, ...(next[index % next.length] ?? [])], more);
          },
        };
      }
    }
  }
}

/** `writes`: undefined for a call to the balancers, which have no disk and do not go away. */
function listVariants(nth: number, kind: FaultKind, writes: number | undefined): readonly Fault[] {
  if (kind === 'power-cut' || kind === 'disk-full') return Array.from({length: writes ?? 0}, (_, index) => ({nth, kind, write: index + 1}));
  return kind === 'host-away' && writes === undefined ? [] : [{nth, kind}];
}

function listNext(kind: FaultKind): readonly (readonly Actor[])[] {
  if (!killers.includes(kind)) return [[]];
  const next: Actor[][] = recoveries.map((recovery) => [recoverBy(recovery)]);
  // Forward and back to where it began, before what the dead one had asked for arrives: only its epoch tells.
  if (kind === 'kill-late') next.push([recoverBy('resume'), {...recoverBy('rollback'), startMs: 1000}]);
  return next;
}

/**
 * A deploy or a rollback that dies at its call i, each way to recover that dies at its call j, right before and right after it, and what brings that
 * to rest: all pairs.
 */
export async function* crashTwice(sizes: readonly number[]): AsyncGenerator<Part> {
  const seconds = new SecondCalls();
  for (const size of sizes) {
    const more = quiet(size);
    for (const command of ['deploy', 'rollback'] as const) {
      const first: Actor = {command, startMs: 0, faults: []};
      const [calls = []] = await measure(plainSchedule([first], more));
      for (const recovery of recoveries) {
        for (const kind of killers) {
          for (const i of calls.keys()) {
            const crash: Actor = {...first, faults: [{nth: i + 1, kind}]};
            const again = await seconds.measure(plainSchedule([crash, recoverBy(recovery)], more));
            yield {
              ...{size: 2 * again.calls, isKnown: again.isKnown},
              at: (index) => {
                const fault: Fault = {nth: Math.floor(index / 2) + 1, kind: index % 2 === 0 ? 'kill-before' : 'kill-after'};
                return plainSchedule([crash, recoverBy(recovery, [fault])], more);
              },
            };
          }
        }
      }
    }
  }
}

/** Two operators at once, the second one every `stepMs` later, up to the end of the first. */
export async function* interleave(sizes: readonly number[], stepMs: number): AsyncGenerator<Part> {
  for (const size of sizes) {
    for (const first of ['deploy', 'rollback'] as const) {
      for (const second of ['other-deploy', 'rollback', 'resume', 'prune'] as const) {
        yield {
          ...{size: Math.ceil((4000 * size) / stepMs), isKnown: false},
          at: (index) =>
            plainSchedule(
              [
                {command: first, startMs: 0, faults: []},
                {command: second, startMs: index * stepMs, faults: [], waitLeaseMs: 300_000},
              ],
              quiet(size),
            ),
        };
      }
    }
  }
}

import type {KillFleet} from './kill-range.js';
import {recoveries, type Trial, type Work} from './kill-trial.js';

/** What each record of a work is about, from its first to its last. */
export type Records = Readonly<Record<Work, readonly string[]>>;

/** Work, step and recovery of a trial: what a campaign must have seen of. */
export const nameCell = ({work, step, recovery}: Pick<Trial, 'work' | 'step' | 'recovery'>): string => `${work}: ${step}, ${recovery}`;

/**
 * All points of all works with all recoveries, so ordered that a campaign which is cut short has seen each step with each recovery once before any of
 * them twice. The points of a step are taken from all over it.
 */
export function listTrials(records: Records): readonly Trial[] {
  const cells = new Map<string, Trial[]>();
  for (const [work, steps] of Object.entries(records) as [Work, readonly string[]][]) {
    for (const recovery of recoveries) {
      for (const [place, step] of steps.entries()) {
        for (const when of ['after', 'before'] as const) {
          // One takeover of each work waits for the leases to run out, in the middle of everything.
          const waits = recovery === 'takeover' && when === 'after' && place === steps.length >> 1;
          const trial = {work, recovery, step, point: {record: place + 1, when}, waits};
          const name = nameCell(trial);
          cells.set(name, [...(cells.get(name) ?? []), trial]);
        }
      }
    }
  }
  const spread = [...cells.values()].map((trials) => scatter(trials));
  const rounds = Math.max(0, ...spread.map(({length}) => length));
  return Array.from({length: rounds}, (_, round) => scatter(spread.flatMap((trials) => trials[round] ?? []))).flat();
}

/** The same in another order: any piece of it has come from all over. */
function scatter<T>(items: readonly T[]): readonly T[] {
  return items
    .map((item, index) => ({item, turn: (index * 0.618_034 + 0.37) % 1}))
    .sort((one, other) => one.turn - other.turn)
    .map(({item}) => item);
}

/** How far down the list a fleet looks for what suits it. */
const reach = 24;

/** Takes the next trial for a fleet out of `left`: a rollback where there is something to take back, and anything else where there is not. */
export function takeTrial(left: Trial[], {moved}: Pick<KillFleet, 'moved'>): Trial | undefined {
  const place = left.slice(0, reach).findIndex(({work}) => (work === 'rollback') === (moved !== undefined));
  return left.splice(Math.max(place, 0), 1)[0];
}

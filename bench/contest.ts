import {type MeasureOptions, measure, type Sample} from './measure.js';

/** One program that is measured beside others. */
export interface Contender extends MeasureOptions {
  /** Its row in the table, and its name in ratios. */
  readonly name: string;
  readonly command: readonly string[];
  /** Brings the world to where the program starts from; not measured. */
  readonly prepare?: () => void | Promise<void>;
}

/** Medians over the rounds. */
export interface Row extends Sample {
  readonly name: string;
  readonly rounds: number;
  /** Slowest less fastest, as a share of the median. */
  readonly spread: number;
}

export interface ContestOptions {
  readonly rounds: number;
  readonly say: (line: string) => void;
}

/** Everybody once a round, in turn, so that a busy moment of the machine meets all alike. */
export async function holdContest(contenders: readonly Contender[], {rounds, say}: ContestOptions): Promise<readonly Row[]> {
  const samples = new Map<string, Sample[]>(contenders.map(({name}) => [name, []]));
  for (let round = 1; round <= rounds; round += 1) {
    for (const {name, command, prepare, ...options} of contenders) {
      await prepare?.();
      const sample = await measure(command, options);
      samples.get(name)?.push(sample);
      say(`${round}/${rounds} ${name}: ${sample.wallS.toFixed(2)} s`);
    }
  }
  return [...samples].map(([name, all]) => summarize(name, all));
}

function summarize(name: string, samples: readonly Sample[]): Row {
  const of = (key: keyof Sample): number[] => samples.map((sample) => sample[key]).sort((a, b) => a - b);
  const wall = of('wallS');
  const spread = ((wall.at(-1) ?? 0) - (wall[0] ?? 0)) / median(wall);
  return {name, rounds: samples.length, wallS: median(wall), cpuS: median(of('cpuS')), rssMb: median(of('rssMb')), spread};
}

function median(sorted: readonly number[]): number {
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? 0) + (sorted[Math.floor(middle)] ?? 0)) / 2;
}

/** How one contender's figure relates to another's; undefined when one of them did not run. */
export function relate(rows: readonly Row[], one: string, other: string, key: keyof Sample = 'wallS'): number | undefined {
  const [a, b] = [one, other].map((name) => rows.find((row) => row.name === name)?.[key]);
  return a === undefined || b === undefined ? undefined : a / b;
}

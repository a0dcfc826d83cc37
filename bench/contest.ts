import {type MeasureOptions, measure, type Sample} from './measure.js';

/** One program that is measured beside others. */
export interface Contender extends MeasureOptions {
  /** Its row in the table, and its name in ratios. */
  readonly name: string;
  readonly command: readonly string[];
  /** Brings the world to where the program starts from; not measured. */
  readonly prepare?: () => void | Promise<void>;
  /** Takes part in so many rounds only. */
  readonly rounds?: number;
  /** When it fails that is told, and it takes part no more; without this the contest ends. */
  readonly mayFail?: boolean;
}

/** Medians over the rounds. */
export interface Row extends Sample {
  readonly name: string;
  readonly rounds: number;
  /** Fastest and slowest wall. */
  readonly range: string;
  /** Slowest less fastest, as a share of the median. */
  readonly spread: number;
}

export interface ContestOptions {
  readonly rounds: number;
  readonly say: (line: string) => void;
  /** CPU seconds of the servers so far: what each contender makes them work is told as `serverCpuS`. */
  readonly readServerCpuS?: () => Promise<number>;
}

/** Everybody once a round, in turn, so that a busy moment of the machine meets all alike. */
export async function holdContest(
  contenders: readonly Contender[],
  {rounds, say, readServerCpuS}: ContestOptions,
): Promise<readonly Row[]> {
  const samples = new Map<string, Sample[]>(contenders.map(({name}) => [name, []]));
  const out = new Set<string>();
  for (let round = 1; round <= rounds; round += 1) {
    for (const {name, command, prepare, rounds: most = rounds, mayFail = false, ...options} of contenders) {
      if (round > most || out.has(name)) continue;
      await prepare?.();
      const before = await readServerCpuS?.();
      const sample = await measure(command, options).catch((error: Error) => {
        if (!mayFail) throw error;
        say(`${round}/${rounds} ${name} failed, and is left out from here on: ${error.message}`);
        out.add(name);
      });
      if (sample === undefined) continue;
      const after = await readServerCpuS?.();
      samples.get(name)?.push(before === undefined || after === undefined ? sample : {...sample, serverCpuS: after - before});
      say(`${round}/${rounds} ${name}: ${sample.wallS.toFixed(2)} s`);
    }
  }
  return [...samples].filter(([, all]) => all.length > 0).map(([name, all]) => summarize(name, all));
}

function summarize(name: string, samples: readonly Sample[]): Row {
  const of = (key: keyof Sample): number[] => samples.flatMap((sample) => sample[key] ?? []).sort((a, b) => a - b);
  const wall = of('wallS');
  const [fastest = 0, slowest = 0] = [wall[0], wall.at(-1)];
  const server = of('serverCpuS');
  return {
    ...{name, rounds: samples.length, range: `${fastest.toFixed(2)}–${slowest.toFixed(2)}`, spread: (slowest - fastest) / median(wall)},
    ...{wallS: median(wall), cpuS: median(of('cpuS')), rssMb: median(of('rssMb'))},
    ...(server.length === 0 ? {} : {serverCpuS: median(server)}),
  };
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

/**
 * The simulator as a program: `main.mjs JSON`, of `Request`. Writes one line of JSON, `Report`, on stdout when it is through; what it finds
 * goes to stderr, as one line per event.
 */
import {randomScenario} from '../rollout/scenario.js';
import {describeVerdict, simulate} from '../rollout/simulation.js';
import {crashTwice, failEach, interleave, randomSchedule} from './campaigns.js';
import {play} from './play.js';
import {describeSchedule, type FaultKind, faultKinds, type Schedule} from './schedule.js';
import {shrink} from './shrink.js';

/** What is played: all of one campaign, or every `of`-th piece of it. */
export interface Request {
  readonly campaign: 'fail-each' | 'crash-twice' | 'two-operators' | 'random' | 'rules' | 'trace';
  /** Hosts of each fleet. */
  readonly sizes?: readonly number[];
  /** Ways in which the n-th call fails. */
  readonly kinds?: readonly FaultKind[];
  /** From the first to before the second. */
  readonly seeds?: readonly [number, number];
  readonly shard?: {readonly index: number; readonly of: number};
  readonly untilMs?: number;
  /** Ends with the first violation, without a trace. */
  readonly isBrief?: boolean;
  readonly schedule?: Schedule;
}

export interface Report {
  readonly schedules: number;
  readonly events: number;
  readonly violations: readonly string[];
  /** Time was up before all was played. */
  readonly isCut: boolean;
}

class Enough extends Error {}

const request = JSON.parse(process.argv[2] ?? '{}') as Request;
const {
  campaign,
  sizes = [3],
  kinds = faultKinds,
  seeds = [1, 2],
  shard = {index: 0, of: 1},
  untilMs = Number.POSITIVE_INFINITY,
  isBrief = false,
} = request;
const violations: string[] = [];
let schedules = 0;
let events = 0;
let isCut = false;
let pieces = 0;

async function playOne(schedule: Schedule): Promise<readonly number[]> {
  if (Date.now() >= untilMs) {
    isCut = true;
    throw new Enough();
  }
  const played = await play(schedule);
  schedules++;
  events += played.events;
  if (played.violations.length > 0) await report(schedule, played.violations);
  return played.calls;
}

async function report(schedule: Schedule, found: readonly string[]): Promise<void> {
  violations.push(found[0] ?? '');
  if (isBrief) throw new Enough();
  const kind = (found[0] ?? '').slice(0, 4);
  const smallest = await shrink(schedule, async (simpler) => (await play(simpler)).violations.some((each) => each.startsWith(kind)));
  const {trace, violations: left, ends} = await play(smallest);
  const lines = trace.length > 160 ? [...trace.slice(0, 110), '…', ...trace.slice(-50)] : trace;
  process.stderr.write(
    `${lines.join('\n')}\n${left.map((each) => `violated: ${each}\n`).join('')}ends: ${ends.join('; ')}\n--schedule '${describeSchedule(smallest)}'\n\n`,
  );
  if (violations.length >= 5) throw new Enough();
}

const isMine = (): boolean => pieces++ % shard.of === shard.index;

async function playAll(): Promise<void> {
  const [first, last] = seeds;
  switch (campaign) {
    case 'fail-each':
      return failEach(sizes, kinds, playOne, isMine);
    case 'crash-twice':
      for (const size of sizes) await crashTwice(size, playOne, isMine);
      return;
    case 'two-operators':
      for (const size of sizes) await interleave(size, 97, playOne, isMine);
      return;
    case 'random':
      for (let seed = first + shard.index; seed < last; seed += shard.of) await playOne(randomSchedule(seed));
      return;
    case 'rules':
      for (let seed = first + shard.index; seed < last; seed += shard.of) playRules(seed);
      return;
    case 'trace': {
      const {trace, violations: found, ends} = await play(request.schedule ?? randomSchedule(first));
      process.stderr.write(`${trace.join('\n')}\n${found.map((each) => `violated: ${each}\n`).join('')}ends: ${ends.join('; ')}\n`);
      schedules = 1;
      events = trace.length;
      violations.push(...found);
    }
  }
}

/** The rollout by itself: parts, once tasks, roles and times are drawn there too. */
function playRules(seed: number): void {
  if (seed % 64 === 0 && Date.now() >= untilMs) {
    isCut = true;
    throw new Enough();
  }
  const verdict = simulate(randomScenario(seed));
  schedules++;
  events += verdict.trace.length;
  if (verdict.violations.length === 0) return;
  violations.push(`seed ${seed}: ${verdict.violations[0]}`);
  if (isBrief) throw new Enough();
  process.stderr.write(`${describeVerdict(randomScenario(seed), verdict)}\n\n`);
  if (violations.length >= 5) throw new Enough();
}

try {
  await playAll();
} catch (error) {
  if (!(error instanceof Enough)) throw error;
}
process.stdout.write(`${JSON.stringify({schedules, events, violations, isCut} satisfies Report)}\n`);

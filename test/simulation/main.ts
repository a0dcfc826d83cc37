/**
 * The simulator as a program: `main.mjs JSON`, of `Request`. Writes one line of JSON, `Report`, on stdout when it is through; what it finds
 * goes to stderr, as one line per event.
 */
import {randomScenario} from '../rollout/scenario.js';
import {describeVerdict, simulate} from '../rollout/simulation.js';
import {crashTwice, failEach, interleave, type Part} from './campaign-parts.js';
import {play} from './play.js';
import {randomSchedule} from './random-schedule.js';
import {describeSchedule, type FaultKind, faultKinds, type Schedule} from './schedule.js';
import {shrink} from './shrink.js';

/** What is played: all of one campaign, or every `of`-th part of it. */
export interface Request {
  readonly campaign: 'fail-each' | 'crash-twice' | 'two-operators' | 'random' | 'rules' | 'trace';
  /** Hosts of each fleet. */
  readonly sizes?: readonly number[];
  /** Ways in which the n-th call fails. */
  readonly kinds?: readonly FaultKind[];
  /** From the first to before the second. */
  readonly seeds?: readonly [number, number];
  /** Where an earlier one that was cut had come to: the schedules before this number are left out. */
  readonly from?: number;
  readonly shard?: {readonly index: number; readonly of: number};
  readonly untilMs?: number;
  /** Ends with the first violation, without a trace. */
  readonly isBrief?: boolean;
  readonly schedule?: Schedule;
}

export interface Report {
  readonly schedules: number;
  /** Of them, those that came to a world from which another one had gone on, and were not played any further. */
  readonly merged: number;
  readonly events: number;
  readonly violations: readonly string[];
  /** Time was up before all was played. */
  readonly isCut: boolean;
  /** Schedules of a campaign that has an end, with those of other shards; and the first one that was not played. */
  readonly of?: number;
  readonly next?: number;
}

class Enough extends Error {}

const request = JSON.parse(process.argv[2] ?? '{}') as Request;
const {
  campaign,
  sizes = [3],
  kinds = faultKinds,
  seeds = [1, 2],
  from = 0,
  shard = {index: 0, of: 1},
  untilMs = Number.POSITIVE_INFINITY,
  isBrief = false,
} = request;
const violations: string[] = [];
const told = new Set<string>();
let schedules = 0;
let merged = 0;
let events = 0;
let isCut = false;
let of: number | undefined;
let next: number | undefined;

async function playOne(schedule: Schedule, known?: Set<string>): Promise<void> {
  if (Date.now() >= untilMs) {
    isCut = true;
    throw new Enough();
  }
  const played = await play(schedule, known === undefined ? {} : {known});
  schedules++;
  merged += played.isKnown ? 1 : 0;
  events += played.events;
  if (played.violations.length > 0) await report(schedule, played.violations);
}

/** Plays the parts of this shard, in their order, each from its first schedule to its last. Whoever looks for one violation does not count them first. */
async function playParts(parts: AsyncIterable<Part>): Promise<void> {
  const known = new Set<string>();
  const all: Part[] = [];
  if (!isBrief) {
    for await (const part of parts) all.push(part);
    of = all.reduce((sum, {size}) => sum + size, 0);
  }
  let number = 0;
  let turn = 0;
  for await (const {size, at, isKnown} of isBrief ? parts : all) {
    const isMine = turn++ % shard.of === shard.index;
    const first = Math.max(from - number, 0);
    if (isMine && isKnown) {
      schedules += Math.max(size - first, 0);
      merged += Math.max(size - first, 0);
    }
    for (let index = first; isMine && !isKnown && index < size; index++) {
      next = number + index;
      await playOne(at(index), known);
    }
    number += size;
  }
  next = of;
}

/** What was told once is only counted from then on, so that one bug does not hide another one. */
async function report(schedule: Schedule, found: readonly string[]): Promise<void> {
  const [sentence = ''] = found;
  violations.push(sentence);
  if (isBrief) throw new Enough();
  if (told.has(sentence)) return;
  told.add(sentence);
  const kind = sentence.slice(0, 4);
  const smallest = await shrink(schedule, async (simpler) => (await play(simpler)).violations.some((each) => each.startsWith(kind)));
  const {trace, violations: left, ends} = await play(smallest, {isTraced: true});
  const lines = trace.length > 160 ? [...trace.slice(0, 110), '…', ...trace.slice(-50)] : trace;
  process.stderr.write(
    `${lines.join('\n')}\n${left.map((each) => `violated: ${each}\n`).join('')}ends: ${ends.join('; ')}\n--schedule '${describeSchedule(smallest)}'\n\n`,
  );
  if (told.size >= 5) throw new Enough();
}

async function playAll(): Promise<void> {
  const [first, last] = seeds;
  switch (campaign) {
    case 'fail-each':
      return playParts(failEach(sizes, kinds));
    case 'crash-twice':
      return playParts(crashTwice(sizes));
    case 'two-operators':
      return playParts(interleave(sizes, 97));
    case 'random':
      for (let seed = first + shard.index; seed < last; seed += shard.of) await playOne(randomSchedule(seed));
      return;
    case 'rules':
      for (let seed = first + shard.index; seed < last; seed += shard.of) playRules(seed);
      return;
    case 'trace': {
      const {trace, violations: found, ends} = await play(request.schedule ?? randomSchedule(first), {isTraced: true});
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
process.stdout.write(
  `${JSON.stringify({schedules, merged, events, violations, isCut, ...(of === undefined ? {} : {of, next: next ?? 0})} satisfies Report)}\n`,
);

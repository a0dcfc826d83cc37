/** Plays the campaigns of the simulator, each spread over the cores. */
import {spawn} from 'node:child_process';
import {mkdtempSync, rmSync} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import {SetupError} from '../setup.mjs';
import {buildSimulator} from '../simulator.mjs';

/** `upTo`: the part of all the time that is gone at the end of each, where time is bounded; what one leaves the next ones have. */
const campaigns = [
  {name: 'the rollout by itself: parts, once tasks, roles, times', upTo: 0.05, campaign: 'rules'},
  {name: 'two operators', upTo: 0.15, campaign: 'two-operators', sizes: [2, 3]},
  {name: 'the n-th call fails, in each way', upTo: 0.45, campaign: 'fail-each', sizes: [1, 2, 3, 4]},
  {name: 'two crashes, all pairs', upTo: 0.95, campaign: 'crash-twice', sizes: [2, 3]},
  {name: 'random', upTo: 1, campaign: 'random'},
];

/** Half a minute of it, on one host where it is exhaustive, for `npm test`, which has seeds of the rollout by itself in test/rollout. */
const shortCampaigns = [
  {name: 'two operators', upTo: 0.2, campaign: 'two-operators', sizes: [1]},
  {name: 'two crashes, all pairs', upTo: 0.5, campaign: 'crash-twice', sizes: [1]},
  {
    name: 'the n-th call fails, in each way',
    upTo: 0.8,
    campaign: 'fail-each',
    sizes: [1],
    kinds: ['lose-reply', 'kill-after', 'kill-late', 'freeze'],
  },
  {name: 'random', upTo: 1, campaign: 'random'},
];

/** Runs the program for one request; what it finds goes to our stderr. Rejects when it gives no report. */
function ask(program, request) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, JSON.stringify(request)], {stdio: ['ignore', 'pipe', 'inherit']});
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (piece) => {
      text += piece;
    });
    child.on('error', reject);
    child.on('close', (status, signal) => {
      if (status === 0) resolve(JSON.parse(text));
      else reject(new Error(`the simulator ended with ${signal ?? `status ${status}`}`));
    });
  });
}

/** Worlds that were given up stay in memory until their process ends, so that a long campaign has several a core, one after another. */
const processesEach = 8;

async function playCampaign(program, request, {cores, short}) {
  const {default: pLimit} = await import('p-limit');
  const of = request.untilMs === undefined && !short ? cores * processesEach : cores;
  const atOnce = pLimit(cores);
  const shards = Array.from({length: of}, (_, index) => atOnce(() => ask(program, {...request, shard: {index, of}})));
  const reports = await Promise.all(shards);
  const sum = (key) => reports.reduce((total, each) => total + each[key], 0);
  return {
    schedules: sum('schedules'),
    merged: sum('merged'),
    events: sum('events'),
    violations: reports.flatMap((each) => each.violations),
    isCut: reports.some((each) => each.isCut),
    of: reports[0].of,
    next: reports[0].of === undefined ? undefined : Math.min(...reports.map((each) => each.next)),
  };
}

/** `CAMPAIGN:NUMBER`: the campaigns from this one on, this one from that schedule on. */
function readFrom(from, all) {
  if (from === undefined) return {all, first: undefined};
  const [campaign, number] = from.split(':');
  const place = all.findIndex((each) => each.campaign === campaign);
  if (place < 0 || !/^\d+$/.test(number ?? '')) {
    const names = all.map((each) => each.campaign).join(', ');
    throw new SetupError(`--from ${from} is not CAMPAIGN:NUMBER, as the end of a run that was cut tells it; campaigns: ${names}`);
  }
  return {all: all.slice(place), first: {campaign, from: Number(number)}};
}

/**
 * `seed` and `schedule` play one world, its trace on stderr. Otherwise `minutes` bounds all of it: random worlds take what the others leave. `from` goes
 * on where an earlier one was cut; `cores`: at most so many at once.
 */
export async function proveSimulate({
  short = false,
  seeds = short ? 60 : 2000,
  seed,
  schedule,
  minutes,
  from,
  cores = os.availableParallelism(),
  log = () => undefined,
}) {
  const {all, first} = readFrom(from, short ? shortCampaigns : campaigns);
  const folder = mkdtempSync(path.join(os.tmpdir(), 'drover-simulate-'));
  try {
    const program = path.join(folder, 'simulator.mjs');
    await buildSimulator(program);
    const startedMs = Date.now();
    const ranges = {random: [1, minutes === undefined ? seeds + 1 : 1_000_000_000], rules: [1, 50 * seeds + 1]};
    const played = [];
    if (seed !== undefined || schedule !== undefined) {
      const one = schedule === undefined ? {seeds: [seed, seed + 1]} : {schedule: JSON.parse(schedule)};
      played.push({name: 'one world', ...(await ask(program, {campaign: 'trace', ...one}))});
    } else {
      for (const {name, upTo, ...request} of all) {
        const range = ranges[request.campaign];
        const bounds = {
          ...(range === undefined ? {} : {seeds: range}),
          ...(first?.campaign === request.campaign ? {from: first.from} : {}),
          ...(minutes === undefined ? {} : {untilMs: startedMs + upTo * minutes * 60_000}),
        };
        const figures = await playCampaign(program, {...request, ...bounds}, {cores, short});
        const goOn = figures.next === undefined ? '' : `; go on with --from ${request.campaign}:${figures.next}`;
        log(
          `${name}: ${tellSchedules(figures)}, ${figures.events} events, ${figures.violations.length} violations${figures.isCut ? ` (time was up${goOn})` : ''}`,
        );
        played.push({name, ...figures});
      }
    }
    return tell(played);
  } finally {
    rmSync(folder, {recursive: true, force: true});
  }
}

/** `12 of 40 schedules`; of one without an end only how many. */
function tellSchedules({schedules, of}) {
  return `${schedules}${of === undefined ? '' : ` of ${of}`} schedules`;
}

function tell(played) {
  const sum = (key) => played.reduce((total, each) => total + (each[key] ?? 0), 0);
  const violations = played.flatMap((each) => each.violations);
  const finite = played.filter(({of}) => of !== undefined);
  const [done, all] = [finite.reduce((total, each) => total + each.schedules, 0), finite.reduce((total, each) => total + each.of, 0)];
  const part = finite.length === 0 ? '' : ` (exhaustive: ${done} of ${all})`;
  return {
    line: `${sum('schedules')} schedules${part}, ${sum('events')} events, invariant violations: ${violations.length}`,
    violations: [...new Set(violations)],
    isSound: sum('schedules') > 0,
    table: [
      '| what | schedules | of | of them to a world that was played on from before | events | violations |',
      '| --- | --- | --- | --- | --- | --- |',
      ...played.map(
        ({name, schedules, merged, of, events, violations: found}) =>
          `| ${name} | ${schedules} | ${of ?? '–'} | ${merged} | ${events} | ${found.length} |`,
      ),
    ],
  };
}

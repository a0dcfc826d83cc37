/** Plays the campaigns of the simulator, each spread over the cores. */
import {spawn} from 'node:child_process';
import {mkdtempSync, rmSync} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import {buildSimulator} from '../simulator.mjs';

/** `upTo`: the part of all the time that is gone at the end of each, where time is bounded; what one leaves the next ones have. */
const campaigns = [
  {name: 'the rollout by itself: parts, once tasks, roles, times', upTo: 0.1, campaign: 'rules'},
  {name: 'two operators', upTo: 0.2, campaign: 'two-operators', sizes: [2, 3]},
  {name: 'the n-th call fails, in each way', upTo: 0.5, campaign: 'fail-each', sizes: [1, 2, 3, 4]},
  {name: 'two crashes, all pairs', upTo: 0.8, campaign: 'crash-twice', sizes: [2, 3]},
  {name: 'random', upTo: 1, campaign: 'random'},
];

/** A few seconds of it, for `npm test`, which has seeds of the rollout by itself in test/rollout. */
const shortCampaigns = [
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

async function playCampaign(program, request, cores) {
  const shards = Array.from({length: cores}, (_, index) => ask(program, {...request, shard: {index, of: cores}}));
  const reports = await Promise.all(shards);
  const sum = (key) => reports.reduce((total, each) => total + each[key], 0);
  return {
    schedules: sum('schedules'),
    events: sum('events'),
    violations: reports.flatMap((each) => each.violations),
    isCut: reports.some((each) => each.isCut),
  };
}

/** `seed` and `schedule` play one world, its trace on stderr. Otherwise `minutes` bounds all of it: random worlds take what the others leave. */
export async function proveSimulate({short = false, seeds = short ? 60 : 2000, seed, schedule, minutes, log = () => undefined}) {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'drover-simulate-'));
  try {
    const program = path.join(folder, 'simulator.mjs');
    await buildSimulator(program);
    const cores = os.availableParallelism();
    const startedMs = Date.now();
    const ranges = {random: [1, minutes === undefined ? seeds + 1 : 1_000_000_000], rules: [1, 50 * seeds + 1]};
    const played = [];
    if (seed !== undefined || schedule !== undefined) {
      const one = schedule === undefined ? {seeds: [seed, seed + 1]} : {schedule: JSON.parse(schedule)};
      played.push({name: 'one world', ...(await ask(program, {campaign: 'trace', ...one}))});
    } else {
      for (const {name, upTo, ...request} of short ? shortCampaigns : campaigns) {
        const range = ranges[request.campaign];
        const bounds = {
          ...(range === undefined ? {} : {seeds: range}),
          ...(minutes === undefined ? {} : {untilMs: startedMs + upTo * minutes * 60_000}),
        };
        const figures = await playCampaign(program, {...request, ...bounds}, cores);
        log(
          `${name}: ${figures.schedules} schedules, ${figures.events} events, ${figures.violations.length} violations${figures.isCut ? ' (time was up)' : ''}`,
        );
        played.push({name, ...figures});
      }
    }
    return tell(played);
  } finally {
    rmSync(folder, {recursive: true, force: true});
  }
}

function tell(played) {
  const sum = (key) => played.reduce((total, each) => total + each[key], 0);
  const violations = played.flatMap((each) => each.violations);
  const isCut = played.some(({name, isCut}) => isCut && name !== 'random');
  return {
    line: `${sum('schedules')} schedules, ${sum('events')} events${isCut ? ' (not all: time was up)' : ''}, invariant violations: ${violations.length}`,
    violations,
    isSound: sum('schedules') > 0,
    table: [
      '| what | schedules | events | all of it | violations |',
      '| --- | --- | --- | --- | --- |',
      ...played.map(
        ({name, schedules, events, isCut, violations: found}) =>
          `| ${name} | ${schedules} | ${events} | ${name === 'random' ? '–' : isCut ? 'no' : 'yes'} | ${found.length} |`,
      ),
    ],
  };
}

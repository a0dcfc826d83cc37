import {appendFileSync} from 'node:fs';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {rigAvailable} from './available.js';
import {KillRange} from './kill-range.js';
import {countRecords, recoveries, type Trial, tryOut, works} from './kill-trial.js';

const available = rigAvailable();
/** A long campaign sets all three: every point, until so many minutes are over, and where the figures go. */
const everything = process.env.EVERY_STEP === '1';
const untilMs = Date.now() + Number(process.env.PROOF_MINUTES ?? '600') * 60_000;
/** At most so many kills. */
const most = Number(process.env.PROOF_SEEDS || Number.POSITIVE_INFINITY);
const figures = process.env.PROOF_FIGURES;

/** What `npm test` kills: before the plan is out, in the middle of a move, and on the way back. */
const usual: readonly Trial[] = [
  {work: 'deploy', recovery: 'rollback', point: {record: 48, when: 'after'}, waits: false},
  {work: 'deploy', recovery: 'resume', point: {record: 37, when: 'before'}, waits: false},
  {work: 'rollback', recovery: 'takeover', point: {record: 40, when: 'before'}, waits: false},
];

/** All points of all works with all recoveries, so ordered that a campaign which is cut short has seen some of each. */
async function listTrials(range: KillRange): Promise<readonly Trial[]> {
  const trials: Trial[] = [];
  for (const work of works) {
    const records = await countRecords(range, work);
    for (let index = 0; index < 2 * records * recoveries.length; index++) {
      const recovery = recoveries[index % recoveries.length] ?? 'resume';
      const step = Math.floor(index / recoveries.length);
      const point = {record: Math.floor(step / 2) + 1, when: step % 2 === 0 ? 'after' : 'before'} as const;
      trials.push({work, recovery, point, waits: index % 67 === 2});
    }
  }
  return trials
    .map((trial, index) => ({trial, turn: (index * 0.618_034) % 1}))
    .sort((a, b) => a.turn - b.turn)
    .map(({trial}) => trial);
}

describe.skipIf(!available.ok)(`kill -9 of the controller${available.ok ? '' : ` (${available.why})`}`, {timeout: 12 * 60 * 60_000}, () => {
  let range: KillRange;
  beforeAll(async () => {
    range = await KillRange.open();
  });
  afterAll(() => range?.rig.stop());

  it('L4 A1 A2 A3: leaves hosts that resume, a rollback, and another operator bring to one whole release, under load and above the floor', async () => {
    const trials = everything ? await listTrials(range) : usual;
    const {watch, traffic} = range.observe();
    const violations: string[] = [];
    let [tried, kills] = [0, 0];
    for (const trial of trials) {
      if (everything && (Date.now() > untilMs || tried >= most)) break;
      const {work, recovery, point} = trial;
      const name = `${work}, kill ${point.when} record ${point.record}, ${recovery}`;
      const seen = violations.length;
      const result = await tryOut(range, trial).catch((error: Error) => ({killed: true, violations: [error.message]}));
      violations.push(...result.violations.map((what) => `${name}: ${what}`));
      violations.push(
        ...watch.below.splice(0).map(({silo, serving}) => `${name}: silo ${silo} had only [${serving.join(' ')}] in rotation`),
      );
      tried += 1;
      kills += result.killed ? 1 : 0;
      if (figures !== undefined)
        appendFileSync(figures, `${JSON.stringify({work, recovery, killed: result.killed, violations: violations.slice(seen)})}\n`);
      if (violations.length > seen && everything) await range.mend();
      if (violations.length > seen && !everything) break;
    }
    await watch.stop();
    const report = await traffic.stop();
    const others = [
      ...report.failed.map(({at, path, status, error}) => `a request failed: ${path} ${status ?? ''} ${error ?? ''} at ${at}`),
      ...report.mixed.map((what) => `two bodies came for ${what}`),
    ];
    violations.push(...others);
    if (figures !== undefined) {
      const totals = {requests: report.requests, failed: report.failed.length, samples: watch.samples, points: trials.length, others};
      appendFileSync(figures, `${JSON.stringify(totals)}\n`);
    }
    expect(violations).toEqual([]);
    // A run may be shorter than the one that was counted: a kill at its last record may come too late.
    expect(kills).toBeGreaterThanOrEqual(everything ? 1 : tried);
    expect(watch.samples).toBeGreaterThan(10);
  });
});

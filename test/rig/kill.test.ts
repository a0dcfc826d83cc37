import {appendFileSync} from 'node:fs';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {rigAvailable} from './available.js';
import {listTrials, nameCell, type Records, takeTrial} from './kill-points.js';
import {type KillFleet, KillRange} from './kill-range.js';
import {listRecords, type Trial, tryOut, works} from './kill-trial.js';

const available = rigAvailable();
/** A long campaign sets all three: every point, for so many minutes once the fleets stand and the points are known, and where the figures go. */
const everything = process.env.EVERY_STEP === '1';
const forMs = Number(process.env.PROOF_MINUTES ?? '600') * 60_000;
/** At most so many kills. */
const most = Number(process.env.PROOF_SEEDS || Number.POSITIVE_INFINITY);
const figures = process.env.PROOF_FIGURES;

/** What `npm test` kills: in the middle of a move, after it, and on the way back. */
const usual: readonly Trial[] = [
  {work: 'deploy', recovery: 'resume', step: 'switch', point: {record: 25, when: 'before'}, waits: false},
  {work: 'deploy', recovery: 'rollback', step: 'admit', point: {record: 31, when: 'after'}, waits: false},
  {work: 'rollback', recovery: 'takeover', step: 'restart', point: {record: 22, when: 'before'}, waits: false},
];

/** Every point there is, as a run of each work on one of the fleets has them. */
async function listAllTrials([fleet]: readonly KillFleet[]): Promise<readonly Trial[]> {
  if (fleet === undefined) return [];
  const records: Record<string, readonly string[]> = {};
  for (const work of works) records[work] = await listRecords(fleet, work);
  return listTrials(records as Records);
}

describe.skipIf(!available.ok)(`kill -9 of the controller${available.ok ? '' : ` (${available.why})`}`, {timeout: 12 * 60 * 60_000}, () => {
  let range: KillRange;
  beforeAll(async () => {
    range = await KillRange.open();
  });
  afterAll(() => range?.rig.stop());

  it('L4 A1 A2 A3: leaves hosts that resume, a rollback, and another operator bring to one whole release, under load and above the floor', async () => {
    const trials = everything ? await listAllTrials(range.fleets) : usual;
    const left = [...trials];
    const untilMs = Date.now() + forMs;
    const {watch, traffic} = range.observe();
    const violations: string[] = [];
    let [tried, kills] = [0, 0];
    const note = (line: unknown): void => {
      if (figures !== undefined) appendFileSync(figures, `${JSON.stringify(line)}\n`);
    };

    const tryOne = async (fleet: KillFleet, trial: Trial): Promise<boolean> => {
      const {work, recovery, point, step} = trial;
      const name = `${fleet.silo}: ${work}, kill ${point.when} record ${point.record} (${step}), ${recovery}`;
      const result = await tryOut(fleet, trial).catch((error: Error) => ({killed: true, violations: [error.message]}));
      const below = watch.below.filter(({silo}) => silo === fleet.silo);
      for (const each of below) watch.below.splice(watch.below.indexOf(each), 1);
      const found = [
        ...result.violations,
        ...below.map(({silo, serving}) => `silo ${silo} had only [${serving.join(' ')}] in rotation`),
      ].map((what) => `${name}: ${what}`);
      violations.push(...found);
      kills += result.killed ? 1 : 0;
      note({work, recovery, step, killed: result.killed, violations: found});
      return found.length === 0;
    };
    const work = async (fleet: KillFleet): Promise<void> => {
      for (let trial = takeTrial(left, fleet); trial !== undefined; trial = takeTrial(left, fleet)) {
        if (everything && (Date.now() > untilMs || tried >= most)) return;
        tried += 1;
        if (await tryOne(fleet, trial)) continue;
        if (!everything) return;
        await fleet.mend();
      }
    };
    await Promise.all(range.fleets.map(work));

    await watch.stop();
    const report = await traffic.stop();
    const others = [
      ...report.failed.map(({at, path, status, error}) => `a request failed: ${path} ${status ?? ''} ${error ?? ''} at ${at}`),
      ...report.mixed.map((what) => `two bodies came for ${what}`),
    ];
    violations.push(...others);
    const cells = new Set(trials.map(nameCell)).size;
    note({requests: report.requests, failed: report.failed.length, samples: watch.samples, points: trials.length, cells, others});
    expect(violations).toEqual([]);
    // A run may be shorter than the one that was counted: a kill at its last record may come too late.
    expect(kills).toBeGreaterThanOrEqual(everything ? 1 : tried);
    expect(watch.samples).toBeGreaterThan(10);
  });
});

import {appendFileSync} from 'node:fs';
import {describe, expect, it} from 'vitest';
import {type FileSystem, fileSystems, findNoPower, type LastWrite, lastWrites} from './loop-disk.js';
import {type CutWork, openSaving, openStaging, openSwitching, type PowerCut} from './power-cuts.js';

const missing = findNoPower();
/** A long campaign sets all three: every step, until so many minutes are over, and where the figures go. */
const everything = process.env.EVERY_STEP === '1';
const untilMs = Date.now() + Number(process.env.PROOF_MINUTES ?? '600') * 60_000;
const figures = process.env.PROOF_FIGURES;

const works: Readonly<Record<string, {open: (power: PowerCut) => Promise<CutWork>; usual: number}>> = {
  'while a release is staged': {open: openStaging, usual: 3},
  'while a host is switched': {open: openSwitching, usual: 3},
  'while a snapshot is saved': {open: openSaving, usual: 3},
};

/** All of them, so ordered that those of any beginning lie spread. */
function scatter(steps: number): number[] {
  const all = Array.from({length: steps + 1}, (_, index) => index + 1);
  return all.sort((a, b) => ((a * 0.618_034) % 1) - ((b * 0.618_034) % 1));
}

/** So many steps, spread over all of them and one behind the last; `turn` moves them, so that other cases take others. */
function spread(steps: number, count: number, turn: number): number[] {
  const stride = (steps + 1) / count;
  return Array.from({length: count}, (_, index) => Math.min(steps + 1, 1 + Math.floor((index + (turn % 7) / 7) * stride)));
}

describe.skipIf(missing !== undefined)(`a power cut${missing === undefined ? '' : ` (${missing})`}`, {timeout: 60 * 60_000}, () => {
  const cases = Object.keys(fileSystems).flatMap((system) =>
    Object.keys(lastWrites).flatMap((last) => Object.keys(works).map((work) => ({system, last, work}))),
  ) as {system: FileSystem; last: LastWrite; work: string}[];
  // The usual run leaves out what differs least.
  const usual = cases.filter(({system, last}) => system !== 'ext4 writeback' && last !== 'all');

  it.each(everything ? cases : usual)('D3 L5 C1 C2: $work on $system, the kernel still writing $last', async ({system, last, work}) => {
    const {open, usual} = works[work] ?? {open: openStaging, usual: 0};
    const cutting = await open({system, last});
    const {steps} = cutting;
    const turn = cases.findIndex((each) => each.system === system && each.last === last && each.work === work);
    const chosen = everything ? scatter(steps) : spread(steps, usual, turn);
    // Every case has its share of the time that is left.
    const shareMs = Date.now() + (untilMs - Date.now()) / (cases.length - turn);
    const violations: string[] = [];
    let cuts = 0;
    try {
      for (const step of chosen) {
        if (Date.now() > shareMs) break;
        cuts += 1;
        await cutting.cutAt(step).catch((error: Error) => violations.push(`step ${step} of ${steps}: ${error.message}`));
        if (violations.length > 0 && !everything) break;
      }
    } finally {
      await cutting.remove();
    }
    if (figures !== undefined) appendFileSync(figures, `${JSON.stringify({system, last, work, steps: steps + 1, cuts, violations})}\n`);
    expect(violations).toEqual([]);
    expect(cuts === chosen.length || Date.now() > shareMs).toBe(true);
    expect(steps).toBeGreaterThan(10);
  });
});

import {describe, expect, it} from 'vitest';
import {listTrials, nameCell, takeTrial} from './kill-points.js';

const moves = ['run-started', 'lease', 'lease', 'switch', 'switch', 'switch', 'run-ended'];
const trials = listTrials({deploy: moves, rollback: moves, 'deploy --at': moves});

describe('the points at which controllers are killed', () => {
  it('are every record, before and after it, with every recovery, each step with each recovery first', () => {
    expect(trials).toHaveLength(3 * 3 * 2 * moves.length);
    expect(new Set(trials.map((trial) => JSON.stringify(trial))).size).toBe(trials.length);
    const cells = new Set(trials.map(nameCell));
    expect(cells.size).toBe(3 * 3 * 4);
    expect(new Set(trials.slice(0, cells.size).map(nameCell))).toEqual(cells);
  });

  it('go to a fleet as they suit it: a rollback where there is something to take back', () => {
    const left = [...trials];
    expect(takeTrial(left, {moved: {base: 'a', target: 'b'}})?.work).toBe('rollback');
    expect(takeTrial(left, {moved: undefined})?.work).not.toBe('rollback');
    expect(left).toHaveLength(trials.length - 2);
    const rollbacks = trials.filter(({work}) => work === 'rollback').slice(0, 1);
    expect(takeTrial(rollbacks, {moved: undefined})?.work).toBe('rollback');
    expect(takeTrial(rollbacks, {moved: undefined})).toBeUndefined();
  });
});

import {describe, expect, it} from 'vitest';
import {type PlanFile, parsePlanFile, renderPlanFile, sealPlanFile} from '../../src/lib/operations/plan-file.js';
import {planFor, planHost} from '../rollout/scenario.js';

const id = 'ab'.repeat(32);
const unsealed: Omit<PlanFile, 'plan' | 'digest'> = {
  ...{
    'drover-plan': 1,
    author: 'ana@desk',
    reason: '',
    made: '2026-11-21T09:00:00Z',
    expires: '2026-11-21T10:00:00Z',
    nonce: 'c0ffee00'.repeat(4),
  },
  ...{inventory: {name: 'inventory.yml', digest: 'x'}, settings: {}, expected: {'eu-1': {epoch: 1, keys: []}}, boundMs: 1000, gapMs: null},
  rollout: planFor([planHost('eu-1', {from: id, to: id})]),
};
const read = (file: object): PlanFile => parsePlanFile(JSON.parse(renderPlanFile(file as PlanFile)), 'plan.json');

/** The plan with one value of it replaced, sealed by somebody who knows how. */
function forge(path: readonly (string | number)[], value: unknown): object {
  const file = structuredClone(unsealed) as unknown as Record<string, unknown>;
  const last = path.at(-1) as string;
  const parent = path.slice(0, -1).reduce<Record<string, unknown>>((at, key) => at[key] as Record<string, unknown>, file);
  parent[last] = value;
  return sealPlanFile(file as unknown as typeof unsealed);
}

describe('a plan file that somebody made by hand', () => {
  it('is read as long as every part of it is what it should be', () => {
    expect(read(sealPlanFile(unsealed)).rollout.hosts[0]?.to).toBe(id);
  });

  it.each([
    [['nonce'], '../../epoch', 'nonce'],
    [['nonce'], 'c0ffee00'.repeat(4).toUpperCase(), 'nonce'],
    [['rollout', 'hosts', 0, 'to'], '../../../etc', 'rollout'],
    [['rollout', 'hosts', 0, 'to'], `${id}\n`, 'rollout'],
    [['rollout', 'hosts', 0, 'from'], `${id.slice(1)};`, 'rollout'],
    [['rollout', 'snapshot'], '$(reboot)', 'rollout'],
    [['rollout', 'command'], 'push', 'rollout'],
    [['rollout', 'budget'], 1e99, 'rollout'],
    [['rollout', 'at'], {time: 'tomorrow', clockBoundMs: 1}, 'rollout'],
    [['expected', 'eu-1', 'epoch'], '1; rm -rf /', 'expected'],
    [['expected'], {}, 'expected'],
    [['expires'], 'never', 'expires'],
    [['gapMs'], -1, 'gapMs'],
  ])('T3: is refused with %j as %j, whatever its digest says', (path, value, part) => {
    expect(() => read(forge(path, value))).toThrow(`plan.json is not a plan: its "${part}" is missing or of the wrong kind`);
  });

  it('T3: is refused with a part that none has', () => {
    expect(() => read(forge(['hook'], 'id'))).toThrow('plan.json is not a plan: "hook" is no part of one');
  });
});

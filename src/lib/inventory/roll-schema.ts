import * as z from 'zod';
import type {Quota, Roll} from './app.js';
import {nameRule, parseRoleName} from './host-name.js';
import {formatQuota, parseQuota} from './quota.js';
import {choiceField, durationField, mapField, namedField, quantityField, wholeField} from './schema-field.js';
import {writeIssue} from './schema-problems.js';

const defaultWaves: readonly Quota[] = [
  {kind: 'count', count: 1},
  {kind: 'percent', percent: 25},
  {kind: 'percent', percent: 100},
];

/** Counts come before shares, because only a silo's size could compare them. */
function isRising(waves: readonly Quota[]): boolean {
  return waves.every((wave, index) => {
    const before = waves[index - 1];
    if (wave.kind === 'count') return wave.count > (before?.kind === 'count' ? before.count : before ? Number.POSITIVE_INFINITY : 0);
    return wave.percent > (before?.kind === 'percent' ? before.percent : 0);
  });
}

function checkWaves(waves: readonly Quota[], context: z.RefinementCtx): void {
  const last = waves.at(-1);
  if (last?.kind === 'percent' && last.percent === 100 && isRising(waves)) return;
  const got = waves.map(formatQuota).join(',') || 'none';
  context.addIssue({
    code: 'custom',
    message: writeIssue(`waves must rise and end at 100%, got ${got}`, 'write, for example, [1, 25%, 100%]'),
  });
}

export const rollSchema = mapField({
  by: choiceField(['silo'], {description: 'What is rolled one after another', default: 'silo'}).optional(),
  waves: z
    .array(
      quantityField((text) => parseQuota(text, 'waves'), {
        description: 'Hosts, or a share of the silo, that have the release after this wave',
      }),
    )
    .superRefine(checkWaves)
    .meta({description: 'Rising, ends at 100%; the first is the canary', default: [1, '25%', '100%']})
    .optional(),
  order: z
    .array(namedField('role', parseRoleName, {rule: nameRule, description: 'A role'}))
    .min(1)
    .superRefine((roles, context) => {
      const twice = roles.find((role, index) => roles.indexOf(role) !== index);
      if (twice === undefined) return;
      context.addIssue({code: 'custom', message: writeIssue(`order names role "${twice}" twice`, 'name each role once')});
    })
    .meta({description: 'Roles that move one after another, on the way back in reverse', examples: [['worker', 'web', 'socket']]})
    .optional(),
  floor: quantityField((text) => parseQuota(text, 'floor'), {
    description: 'Hosts of a silo that must stay healthy and in rotation',
    default: '75%',
  }).optional(),
  budget: wholeField('budget', [0, 10_000], {description: 'Hosts a run may skip or lose before it stops', default: 1}).optional(),
  soak: durationField('soak', {description: 'Time a wave is watched before the next', default: '0s'}).optional(),
  confirm: durationField('confirm', {
    description: 'How long a switched host waits for confirmation before it reverts itself; 0s turns that off',
    default: '5m',
  }).optional(),
  keep: wholeField('keep', [2, 1000], {
    because: 'so that a rollback target remains',
    description: 'Releases kept per host',
    default: 5,
  }).optional(),
}).transform(
  ({by = 'silo', waves, order, floor, budget = 1, soak = 0, confirm = 300_000, keep = 5}): Roll => ({
    by,
    waves: waves ?? defaultWaves,
    ...(order === undefined ? {} : {order}),
    floor: floor ?? {kind: 'percent', percent: 75},
    budget,
    soakMs: soak,
    confirmMs: confirm,
    keep,
  }),
);

/** How an app is rolled out that says nothing about it. */
export function makeDefaultRoll(): Roll {
  return rollSchema.parse({});
}

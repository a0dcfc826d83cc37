import * as z from 'zod';
import type {PartitionRule, Partitions} from './app.js';
import {parsePathPattern} from './partition-pattern.js';
import {choiceField, mapField, parsedField, wholeField} from './schema-field.js';
import {writeIssue} from './schema-problems.js';
import {parseSelection} from './selection-expression.js';

const ruleSchema = mapField({
  paths: z
    .array(
      parsedField(
        (text) => {
          parsePathPattern(text);
          return text;
        },
        {description: 'Path from the root of the tree; * and ? inside a name, ** for any folders', examples: ['de/**']},
      ),
    )
    .min(1)
    .meta({description: 'Paths that the rule is for'}),
  hosts: parsedField(
    (text) => {
      if (text !== 'none') parseSelection(text, 'hosts');
      return text;
    },
    {description: 'Hosts of the app that hold them, or none', examples: ['silo:eu', 'role:web', 'none']},
  ),
}).transform(({paths, hosts}): PartitionRule => ({paths, ...(hosts === 'none' ? {} : {hosts})}));

/** The second of two rules for the same paths would never be asked. */
function refuseTwins(rules: readonly PartitionRule[], context: z.RefinementCtx): void {
  for (const [index, {paths}] of rules.entries()) {
    const before = rules.findIndex((rule) => rule.paths.join() === paths.join());
    if (before === index) continue;
    const message = `rule ${index + 1} is for the same paths as rule ${before + 1}`;
    context.addIssue({code: 'custom', path: [index], message: writeIssue(message, 'remove one')});
  }
}

const copiesRange: readonly [number, number] = [1, 1000];

const byPath = mapField({
  by: choiceField(['path'], {description: 'The first rule that matches a path says who holds it'}),
  rules: z.array(ruleSchema).min(1).superRefine(refuseTwins).meta({description: 'In order; a path that no rule matches is an error'}),
  copies: wholeField('copies', copiesRange, {description: 'Hosts of a rule that hold its paths; all of them by default'}).optional(),
}).transform(({rules, copies}): Partitions => ({kind: 'path', rules, ...(copies === undefined ? {} : {copies})}));

const byHash = mapField({
  by: choiceField(['hash'], {description: 'Paths are hashed into partitions'}),
  count: wholeField('count', [1, 4096], {description: 'Partitions; changing it moves everything', default: 256}).optional(),
  copies: wholeField('copies', copiesRange, {description: 'Hosts that hold each partition', default: 3}).optional(),
  depth: wholeField('depth', [1, 16], {description: 'Paths with so many first components in common stay together', default: 1}).optional(),
  within: choiceField(['silo', 'all'], {description: 'Copies in every silo, or among all hosts', default: 'silo'}).optional(),
}).transform(({count = 256, copies = 3, depth = 1, within = 'silo'}): Partitions => ({kind: 'hash', count, copies, depth, within}));

export const partitionSchema = z.union([byPath, byHash]);

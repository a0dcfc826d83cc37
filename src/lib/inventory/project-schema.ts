import * as z from 'zod';
import type {EventSink} from './app.js';
import {drainSchema} from './drain-schema.js';
import {endingSchema} from './ending-schema.js';
import {nameRule, parseAppName} from './host-name.js';
import {parseTopic, topicRule} from './nsq-schema.js';
import {partitionSchema} from './partition-schema.js';
import {parseRelativePath, parseRootPath, parseServiceUrl} from './path-grammar.js';
import {probeSchema} from './probe-schema.js';
import {pushSchema} from './push-schema.js';
import {reviewSchema} from './review-schema.js';
import {rollSchema} from './roll-schema.js';
import {durationField, mapField, namedField, namedKeyField, parsedField, textField, wholeField} from './schema-field.js';
import {writeIssue} from './schema-problems.js';
import {parseSelection} from './selection-expression.js';
import {onConflictSchema, sourceSchema} from './source-schema.js';
import {storeSchema} from './store-schema.js';
import {warmSchema} from './warm-schema.js';

const relativeRule = 'a relative path without . or ..';

const linkSchema = z
  .record(
    namedKeyField('link', parseRelativePath, {as: 'path', rule: relativeRule}),
    namedField('link target', parseRelativePath, {as: 'path', rule: relativeRule, description: 'Path below the root'}),
  )
  .superRefine((links, context) => {
    for (const inner of Object.keys(links)) {
      const outer = Object.keys(links).find((candidate) => inner.startsWith(`${candidate}/`));
      if (outer === undefined) continue;
      context.addIssue({
        code: 'custom',
        path: [inner],
        message: writeIssue(`link ${JSON.stringify(inner)} is inside link ${JSON.stringify(outer)}`, 'remove one'),
      });
    }
  });

const onceSchema = mapField({
  before: textField('before', {description: 'Shell command, before the first host switches'}).optional(),
  after: textField('after', {description: 'Shell command, after every host of the app has converged'}).optional(),
  deadline: durationField('deadline', {description: 'A task that takes longer is ended and has failed', default: '15m'}).optional(),
});

const appSchema = mapField({
  source: sourceSchema.meta({description: 'What is snapshot: a folder, a git revision, a command, an archive, or a list of these'}),
  'on-conflict': onConflictSchema.optional(),
  ignore: z
    .array(textField('ignore', {description: 'Pattern as in .gitignore'}))
    .meta({description: 'What to leave out of snapshots'})
    .optional(),
  'max-files': wholeField('max-files', [1, 50_000_000], {
    description: 'Most files of a snapshot; more are refused',
    default: '1000000',
  }).optional(),
  root: namedField('root', parseRootPath, {
    as: 'path',
    rule: 'an absolute path or ~/… on the host, without . or ..',
    description: 'Root on the host: absolute, or ~/… below the login directory',
    examples: ['/srv/shop/code'],
  }),
  hosts: parsedField(
    (text) => {
      parseSelection(text, 'hosts');
      return text;
    },
    {description: 'Which hosts carry the app', examples: ['role:web', 'role:web&silo:eu!web03']},
  ),
  link: linkSchema.meta({description: 'Path inside a release -> path below the root it is linked to'}).optional(),
  once: onceSchema.meta({description: 'Commands run on one host, once per run'}).optional(),
  restart: textField('restart', {description: 'Shell command on the host after current moved'}).optional(),
  roll: rollSchema.meta({description: 'How a deploy proceeds'}).optional(),
  review: reviewSchema.meta({description: 'Who must have approved a plan, where it differs from the project'}).optional(),
  push: pushSchema.meta({description: 'How deltas reach hosts'}).optional(),
  partitions: partitionSchema.meta({description: 'Who holds which paths; every host holds all by default'}).optional(),
  drain: drainSchema.meta({description: 'How a host leaves and enters rotation'}).optional(),
  endings: endingSchema.meta({description: 'Role -> how its hosts end their work, where it differs from drain'}).optional(),
  warm: warmSchema.meta({description: 'How caches are filled before a host is admitted'}).optional(),
  health: z.array(probeSchema).meta({description: 'Probes that must all pass'}).optional(),
});

const urlGrammar = {as: 'URL', rule: 'http://… or https://…, without user, password or fragment'};

const sinkSchema = z.union([
  mapField({
    nsq: namedField('nsq', parseServiceUrl, {...urlGrammar, description: 'HTTP address of nsqd', examples: ['http://127.0.0.1:4151']}),
    topic: namedField('topic', parseTopic, {...topicRule, description: 'Topic of nsqd'}),
  }).transform(({nsq, topic}): EventSink => ({kind: 'nsq', url: nsq, topic})),
  mapField({
    webhook: namedField('webhook', parseServiceUrl, {...urlGrammar, description: 'Events are posted here'}),
  }).transform(({webhook}): EventSink => ({kind: 'webhook', url: webhook})),
]);

export const projectSchema = mapField({
  inventory: textField('inventory', {
    description: 'Inventory file or program, from the folder of this file',
    default: 'inventory.yml',
  }).optional(),
  apps: z
    .record(namedKeyField('app', parseAppName, {rule: nameRule}), appSchema)
    .superRefine((apps, context) => {
      if (Object.keys(apps).length === 0) context.addIssue({code: 'custom', message: writeIssue('apps is empty', 'name at least one app')});
    })
    .meta({description: 'What is released on its own'}),
  events: z.array(sinkSchema).meta({description: 'Where events are sent'}).optional(),
  store: storeSchema.optional(),
  review: reviewSchema.meta({description: 'Who must have approved a plan'}).optional(),
}).meta({title: 'drover project', description: 'Apps, and how each of them is released'});

export type ProjectInput = z.output<typeof projectSchema>;
export type AppInput = ProjectInput['apps'][string];

import * as z from 'zod';
import type {Drain} from './app.js';
import {checkEnding, ending, makeNamesField, makeOnField, parseProxyName, proxyRule, readEnding} from './drain-fields.js';
import {parseAbsolutePath} from './path-grammar.js';
import {parsePercent} from './quota.js';
import {durationField, mapField, namedField, quantityField} from './schema-field.js';
import {writeIssue} from './schema-problems.js';

function socketField(name: string, description: string) {
  return namedField(name, parseAbsolutePath, {as: 'path', rule: 'an absolute path on the balancer', description});
}

const backendField = namedField('backend', parseProxyName, {rule: proxyRule, description: 'Backend that holds the hosts'});

const backendsField = z
  .union([backendField, z.array(backendField).min(1, writeIssue('backend must name at least one', 'write, for example, [web, api]'))])
  .transform((given): readonly string[] => [...new Set([given].flat())])
  .meta({description: 'Backend that holds the hosts; a list where several do'});

function checkRamp(steps: readonly number[], context: z.RefinementCtx): void {
  const isRising = steps.every((step, index) => step > (steps[index - 1] ?? 0));
  if (isRising && steps.at(-1) === 100) return;
  const got = steps.map((step) => `${step}%`).join(',') || 'none';
  context.addIssue({
    code: 'custom',
    message: writeIssue(`ramp must rise from above 0% and end at 100%, got ${got}`, 'write, for example, [25%, 50%, 100%]'),
  });
}

const rampField = z
  .array(quantityField((text) => parsePercent(text, 'ramp'), {description: 'Share of the configured weight'}))
  .superRefine(checkRamp)
  .meta({description: 'Shares of its weight that an admitted host gets one after the other', examples: [['25%', '50%', '100%']]})
  .optional();

const haproxySettings = mapField({
  socket: socketField('socket', 'Admin socket on the balancer'),
  master: socketField('master', 'Socket of the master process on the balancer: shows sessions of workers before a reload').optional(),
  backend: backendsField,
  on: makeOnField('Which hosts are balancers', 'role:balancer'),
  servers: makeNamesField('server', parseProxyName, {rule: proxyRule, of: 'server name in the backend'}),
  ramp: rampField,
  ramp_wait: durationField('ramp_wait', {description: 'Time between two steps of the ramp', default: '5s'}).optional(),
}).superRefine(({socket, master, ramp, ramp_wait}, context) => {
  if (ramp_wait !== undefined && ramp === undefined) {
    const message = writeIssue('ramp_wait has no meaning without ramp', 'remove it, or add, for example, ramp: [25%, 50%, 100%]');
    context.addIssue({code: 'custom', path: ['ramp_wait'], message});
  }
  if (socket === master) {
    const message = writeIssue('master is the same path as socket', 'name the socket that haproxy -S opens, or remove it');
    context.addIssue({code: 'custom', path: ['master'], message});
  }
});

const closeOver = durationField('close_over', {description: 'Close sessions that are left a few at a time over this long'});

export const haproxyDrain = mapField({haproxy: haproxySettings, ...ending, close_over: closeOver.optional()})
  .superRefine((input, context) => {
    checkEnding(input, context);
    const {then = 'close', close_over} = input;
    if (close_over === undefined || then === 'close') return;
    const message = writeIssue(`close_over has no meaning with "then: ${then}"`, 'remove it, or write "then: close"');
    context.addIssue({code: 'custom', path: ['close_over'], message});
  })
  .transform(
    ({haproxy: {socket, master, backend, on = 'role:balancer', servers = {}, ramp, ramp_wait = 5_000}, close_over, ...rest}): Drain => ({
      kind: 'haproxy',
      socket,
      ...(master === undefined ? {} : {master}),
      backends: backend,
      on,
      servers,
      ...(ramp === undefined ? {} : {ramp: {steps: ramp, waitMs: ramp_wait}}),
      ...(close_over === undefined ? {} : {closeOverMs: close_over}),
      ...readEnding(rest),
    }),
  );

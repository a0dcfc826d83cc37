import * as z from 'zod';
import type {Drain} from './app.js';
import {hostNameRule, parseHostName} from './host-name.js';
import {parseAbsolutePath, parseRelativePath} from './path-grammar.js';
import {choiceField, durationField, mapField, namedField, namedKeyField, parsedField, textField} from './schema-field.js';
import {parseSelection} from './selection-expression.js';

/** Names in a HAProxy configuration. */
function parseProxyName(text: string): string | undefined {
  return /^[A-Za-z0-9_.:-]{1,200}$/.test(text) ? text : undefined;
}

const proxyRule = 'letters, digits, and _ . : -';

function makeOnField(description: string, byDefault?: string) {
  const check = (text: string): string => {
    parseSelection(text, 'on');
    return text;
  };
  return parsedField(check, {
    description,
    examples: ['role:balancer'],
    ...(byDefault === undefined ? {} : {default: byDefault}),
  }).optional();
}

const ending = {
  wait: durationField('wait', {description: 'How long to wait for sessions to end', default: '30s'}).optional(),
  then: choiceField(['close', 'abort'], {
    description: 'What happens to sessions that are left: cut them, or give the host up',
    default: 'close',
  }).optional(),
};

interface EndingInput {
  wait?: number | undefined;
  then?: 'close' | 'abort' | undefined;
}

function readEnding({wait = 30_000, then = 'close'}: EndingInput) {
  return {waitMs: wait, then};
}

const haproxy = mapField({
  haproxy: mapField({
    socket: namedField('socket', parseAbsolutePath, {
      as: 'path',
      rule: 'an absolute path on the balancer',
      description: 'Admin socket on the balancer',
    }),
    backend: namedField('backend', parseProxyName, {rule: proxyRule, description: 'Backend that holds the hosts'}),
    on: makeOnField('Which hosts are balancers', 'role:balancer'),
    servers: z
      .record(
        namedKeyField('host', parseHostName, {rule: hostNameRule}),
        namedField('server', parseProxyName, {rule: proxyRule, description: 'Server name in the backend'}),
      )
      .meta({description: 'Host -> server name in the backend, where they differ'})
      .optional(),
  }),
  ...ending,
}).transform(
  ({haproxy: {socket, backend, on = 'role:balancer', servers = {}}, ...rest}): Drain => ({
    kind: 'haproxy',
    socket,
    backend,
    on,
    servers,
    ...readEnding(rest),
  }),
);

const filePathField = namedField('file', (text) => parseAbsolutePath(text) ?? parseRelativePath(text), {
  as: 'path',
  rule: 'an absolute path, or one below the root of the app',
  description: 'Readiness file on the web host: present means in rotation',
});

const file = mapField({
  file: z.union([
    filePathField,
    mapField({
      path: filePathField,
      settle: durationField('settle', {description: 'Time the balancer needs to notice', default: '10s'}).optional(),
    }),
  ]),
  ...ending,
}).transform(({file: wanted, ...rest}): Drain => {
  const {path, settle = 10_000} = typeof wanted === 'string' ? {path: wanted} : wanted;
  return {kind: 'file', path, settleMs: settle, ...readEnding(rest)};
});

const exec = mapField({
  exec: mapField({
    drain: textField('drain', {description: 'Shell command that takes $DROVER_HOST out of rotation'}),
    admit: textField('admit', {description: 'Shell command that puts $DROVER_HOST back into rotation'}),
    sessions: textField('sessions', {description: 'Shell command that prints the number of open sessions of $DROVER_HOST'}).optional(),
    on: makeOnField('Which hosts run the commands; the web host itself by default'),
  }),
  ...ending,
}).transform(
  ({exec: {drain, admit, sessions, on}, ...rest}): Drain => ({
    kind: 'exec',
    drain,
    admit,
    ...(sessions === undefined ? {} : {sessions}),
    ...(on === undefined ? {} : {on}),
    ...readEnding(rest),
  }),
);

export const drainSchema = z.union([haproxy, file, exec]);

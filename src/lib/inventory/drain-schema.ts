import * as z from 'zod';
import type {Drain} from './app.js';
import {checkEnding, ending, makeOnField, readEnding} from './drain-fields.js';
import {haproxyDrain} from './drain-haproxy-schema.js';
import {nginxDrain} from './drain-nginx-schema.js';
import {varnishDrain} from './drain-varnish-schema.js';
import {parseAbsolutePath, parseRelativePath} from './path-grammar.js';
import {durationField, mapField, namedField, textField} from './schema-field.js';

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
})
  .superRefine(checkEnding)
  .transform(({file: wanted, ...rest}): Drain => {
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
})
  .superRefine(checkEnding)
  .transform(
    ({exec: {drain, admit, sessions, on}, ...rest}): Drain => ({
      kind: 'exec',
      drain,
      admit,
      ...(sessions === undefined ? {} : {sessions}),
      ...(on === undefined ? {} : {on}),
      ...readEnding(rest),
    }),
  );

export const drainSchema = z.union([haproxyDrain, nginxDrain, varnishDrain, file, exec]);

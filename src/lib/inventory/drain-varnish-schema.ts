import type {Drain} from './app.js';
import {checkEnding, commandField, ending, makeNamesField, makeOnField, readEnding} from './drain-fields.js';
import {mapField} from './schema-field.js';

/** Names in VCL. */
function parseVclName(text: string): string | undefined {
  return /^[A-Za-z][A-Za-z0-9_-]{0,199}$/.test(text) ? text : undefined;
}

export const varnishDrain = mapField({
  varnish: mapField({
    admin: commandField('admin', {
      description: 'Shell command on the balancer that takes the words of an order',
      default: 'varnishadm',
    }),
    stat: commandField('stat', {description: 'Shell command that takes options of varnishstat', default: 'varnishstat'}),
    on: makeOnField('Which hosts run Varnish', 'role:balancer'),
    backends: makeNamesField('backend', parseVclName, {
      rule: 'a letter, then letters, digits, _ and -',
      of: 'backend in VCL',
    }),
  }),
  ...ending,
})
  .superRefine(checkEnding)
  .transform(
    ({varnish: {admin = 'varnishadm', stat = 'varnishstat', on = 'role:balancer', backends = {}}, ...rest}): Drain => ({
      kind: 'varnish',
      admin,
      stat,
      on,
      backends,
      ...readEnding(rest),
    }),
  );

import type {Drain} from './app.js';
import {checkEnding, commandField, ending, makeNamesField, makeOnField, parseProxyName, proxyRule, readEnding} from './drain-fields.js';
import {parseAbsolutePath} from './path-grammar.js';
import {mapField, namedField} from './schema-field.js';

/** What stands after `server` in an upstream: an address or a name, and a port. */
function parseServerAddress(text: string): string | undefined {
  return /^(?:[A-Za-z0-9_.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/.test(text) ? text : undefined;
}

const absoluteRule = 'an absolute path on the balancer';

export const nginxDrain = mapField({
  nginx: mapField({
    upstream: namedField('upstream', parseProxyName, {rule: proxyRule, description: 'Upstream that holds the hosts'}),
    file: namedField('file', parseAbsolutePath, {
      as: 'path',
      rule: absoluteRule,
      description: "File on the balancer with the upstream's server lines",
    }),
    pid: namedField('pid', parseAbsolutePath, {
      as: 'path',
      rule: absoluteRule,
      description: "File with the number of nginx's master process",
      default: '/run/nginx.pid',
    }).optional(),
    test: commandField('test', {description: 'Shell command that proves the configuration', default: 'nginx -t'}),
    reload: commandField('reload', {description: 'Shell command that loads the configuration', default: 'nginx -s reload'}),
    on: makeOnField('Which hosts are balancers', 'role:balancer'),
    servers: makeNamesField('server', parseServerAddress, {
      rule: 'address:port as it stands in the file',
      of: 'address:port in the file',
    }),
  }),
  ...ending,
})
  .superRefine(checkEnding)
  .transform(
    ({nginx: {upstream, file, pid, test, reload, on, servers}, ...rest}): Drain => ({
      kind: 'nginx',
      upstream,
      file,
      pid: pid ?? '/run/nginx.pid',
      test: test ?? 'nginx -t',
      reload: reload ?? 'nginx -s reload',
      on: on ?? 'role:balancer',
      servers: servers ?? {},
      ...readEnding(rest),
    }),
  );

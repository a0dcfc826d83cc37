import * as z from 'zod';
import type {Probe} from './app.js';
import {parseByteSize} from './byte-size.js';
import {formatDuration} from './duration.js';
import {hostNameRule, parseHostName} from './host-name.js';
import {parseUrlPath} from './path-grammar.js';
import {durationField, mapField, namedField, quantityField, textField, wholeField} from './schema-field.js';
import {writeIssue} from './schema-problems.js';

/** Name of an HTTP header, lower case. */
export function parseHeaderName(text: string): string | undefined {
  return /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/.test(text) ? text.toLowerCase() : undefined;
}

/** A name or address with an optional port, as the Host header carries it. */
export function parseHostHeader(text: string): string | undefined {
  const match = /^(.+?)(:\d{1,5})?$/.exec(text);
  return match?.[1] !== undefined && parseHostName(match[1]) !== undefined ? text : undefined;
}

export const hostHeaderField = namedField('host', parseHostHeader, {rule: hostNameRule, description: 'Host header to send'});

const timings = {
  timeout: durationField('timeout', {description: 'How long one try may take', default: '5s'}).optional(),
  interval: durationField('interval', {description: 'Pause between tries', default: '1s'}).optional(),
  rise: wholeField('rise', [1, 100], {description: 'Tries in a row that must pass', default: 2}).optional(),
  deadline: durationField('deadline', {description: 'When to give up', default: '60s'}).optional(),
};

interface TimingsInput {
  timeout?: number | undefined;
  interval?: number | undefined;
  rise?: number | undefined;
  deadline?: number | undefined;
}

function readTimings({timeout = 5000, interval = 1000, rise = 2, deadline = 60_000}: TimingsInput) {
  return {timeoutMs: timeout, intervalMs: interval, rise, deadlineMs: deadline};
}

/** A deadline that leaves no room for the tries it waits for can never be met. */
function checkTimings(input: TimingsInput, context: z.RefinementCtx): void {
  const {timeoutMs, intervalMs, rise, deadlineMs} = readTimings(input);
  const refuse = (than: string): void =>
    context.addIssue({
      code: 'custom',
      path: ['deadline'],
      message: writeIssue(`deadline ${formatDuration(deadlineMs)} is shorter than ${than}`, 'raise the deadline'),
    });
  if (deadlineMs < timeoutMs) refuse(`timeout ${formatDuration(timeoutMs)}`);
  else if (deadlineMs < intervalMs * (rise - 1)) refuse(`${rise} tries with interval ${formatDuration(intervalMs)}`);
}

const httpProbe = mapField({
  http: namedField('http', parseUrlPath, {
    as: 'path of a URL',
    rule: 'begin with /',
    description: 'Path to ask for',
    examples: ['/healthz'],
  }),
  port: wholeField('port', [1, 65_535], {description: 'Port on the host', default: 80}).optional(),
  host: hostHeaderField.optional(),
  status: wholeField('status', [100, 599], {description: 'Status that means healthy', default: 200}).optional(),
  version: namedField('version', parseHeaderName, {
    as: 'header name',
    rule: 'for example x-release',
    description: 'Response header that carries the id of the release that is served',
  }).optional(),
  ...timings,
})
  .superRefine(checkTimings)
  .transform(
    ({http, port = 80, host, status = 200, version, ...rest}): Probe => ({
      kind: 'http',
      path: http,
      port,
      status,
      ...(host === undefined ? {} : {hostHeader: host}),
      ...(version === undefined ? {} : {version}),
      ...readTimings(rest),
    }),
  );

const tcpProbe = mapField({tcp: wholeField('tcp', [1, 65_535], {description: 'Port that must accept a connection'}), ...timings})
  .superRefine(checkTimings)
  .transform(({tcp, ...rest}): Probe => ({kind: 'tcp', port: tcp, ...readTimings(rest)}));

const runProbe = mapField({run: textField('run', {description: 'Shell command on the host that must exit 0'}), ...timings})
  .superRefine(checkTimings)
  .transform(({run, ...rest}): Probe => ({kind: 'run', command: run, ...readTimings(rest)}));

const diskProbe = mapField({
  disk: quantityField((text) => parseByteSize(text, 'disk'), {description: 'Bytes that must be free below the root', examples: ['1GiB']}),
  ...timings,
})
  .superRefine(checkTimings)
  .transform(({disk, ...rest}): Probe => ({kind: 'disk', freeBytes: disk, ...readTimings(rest)}));

export const probeSchema = z.union([httpProbe, tcpProbe, runProbe, diskProbe]);

import * as z from 'zod';
import {DroverError} from '../errors/drover-error.js';
import type {WarmSettings} from './app.js';
import {parseUrlPath} from './path-grammar.js';
import {hostHeaderField, parseHeaderName} from './probe-schema.js';
import {parseRate} from './rate.js';
import {choiceField, durationField, mapField, namedField, namedKeyField, parsedField, textField, wholeField} from './schema-field.js';

/** `hit >= 98%` or `converged 95%`; the sign may be left out. */
export function parseUntil(text: string): NonNullable<WarmSettings['until']> {
  const match = /^(hit|converged)\s*(?:>=)?\s*(\d{1,3})%$/.exec(text.trim());
  const percent = Number(match?.[2]);
  if (match && percent >= 1 && percent <= 100) return {kind: match[1] as 'hit' | 'converged', ratio: percent / 100};
  throw new DroverError({code: 'usage', message: `until must be a goal like hit >= 98% or converged 95%, got ${JSON.stringify(text)}`});
}

const from = z
  .union([
    z.literal('sitemap'),
    mapField({
      sitemap: namedField('sitemap', parseUrlPath, {
        as: 'path of a URL',
        rule: 'begin with /',
        description: 'Path of the sitemap on the host',
      }),
    }),
    mapField({file: textField('file', {description: 'File of paths, one a line, on this machine'})}),
  ])
  .transform((value): WarmSettings['from'] => {
    if (value === 'sitemap') return {kind: 'sitemap', url: '/sitemap.xml'};
    return 'sitemap' in value ? {kind: 'sitemap', url: value.sitemap} : {kind: 'file', path: value.file};
  })
  .meta({description: 'Where the paths come from; sitemap means /sitemap.xml on the host', default: 'sitemap'});

function parseHeaderValue(text: string): string | undefined {
  return /^[\t -~]{0,4000}$/.test(text) ? text : undefined;
}

/** Paths of files are as written; the caller knows the folder they are relative to. */
export const warmSchema = mapField({
  from: from.optional(),
  mode: choiceField(['clone', 'spread'], {
    description: 'clone: every host is warmed with every path; spread: the paths are shared out among the hosts',
    default: 'clone',
  }).optional(),
  port: wholeField('port', [1, 65_535], {description: 'Port of the cache or web server on the host', default: 80}).optional(),
  host: hostHeaderField.optional(),
  headers: z
    .record(
      namedKeyField('header', parseHeaderName, {as: 'header name', rule: 'letters, digits and hyphen'}),
      namedField('header', parseHeaderValue, {as: 'header value', rule: 'printable ASCII on one line', description: 'Value of the header'}),
    )
    .meta({description: 'Further request headers'})
    .optional(),
  rate: parsedField((text) => parseRate(text, 'rate'), {description: 'Most requests per host', default: '20/s'}).optional(),
  concurrency: wholeField('concurrency', [1, 1000], {description: 'Requests at a time per host', default: 4}).optional(),
  until: parsedField(parseUntil, {description: 'When a host counts as warm', examples: ['hit >= 98%', 'converged 95%']}).optional(),
  deadline: durationField('deadline', {description: 'When to give up', default: '2m'}).optional(),
}).transform(
  ({from: source, mode = 'clone', port = 80, host, headers = {}, rate = 20, concurrency = 4, until, deadline = 120_000}): WarmSettings => ({
    from: source ?? {kind: 'sitemap', url: '/sitemap.xml'},
    mode,
    port,
    ...(host === undefined ? {} : {hostHeader: host}),
    headers,
    ratePerSecond: rate,
    concurrency,
    ...(until === undefined ? {} : {until}),
    deadlineMs: deadline,
  }),
);

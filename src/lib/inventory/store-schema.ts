import {DroverError} from '../errors/drover-error.js';
import type {BucketPlace} from './app.js';
import {parseRelativePath, parseServiceUrl} from './path-grammar.js';
import {mapField, namedField, parsedField} from './schema-field.js';

/** A bucket as drover.yml names it: the cache beside the file is known later. */
export type NamedBucket = Omit<BucketPlace, 'cache'>;

const bucketRule = '3 to 63 lower-case letters, digits, dots and hyphens';
const prefixRule = 'letters, digits and . _ = @ - in parts divided by /, as in shop/releases';
const wordRule = 'letters, digits and . _ -';

function parseBucketName(text: string): string | undefined {
  return /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(text) && !text.includes('..') ? text : undefined;
}

/** What is before the keys of objects: without a slash at either end. No character in it needs an escape in a URL. */
function parsePrefix(text: string): string | undefined {
  const prefix = text.replace(/\/$/, '');
  return /^[A-Za-z0-9._=@/-]{1,200}$/.test(prefix) ? parseRelativePath(prefix) : undefined;
}

function parseWord(text: string): string | undefined {
  return /^[A-Za-z0-9._-]{1,100}$/.test(text) ? text : undefined;
}

function parseEndpoint(text: string): string | undefined {
  const url = parseServiceUrl(text);
  return url === undefined || url.includes('?') ? undefined : url.replace(/\/+$/, '');
}

function parseStore(text: string): string | NamedBucket {
  const scheme = /^([a-z0-9+]+):\/\//i.exec(text)?.[1];
  if (scheme === undefined && text.trim() !== '') return text;
  if (scheme !== 's3') {
    throw new DroverError({
      code: 'invalid-file',
      message: `store ${JSON.stringify(text)} is not supported`,
      fix: 'use a directory, or s3://bucket/prefix',
    });
  }
  const [, name = '', rest = ''] = /^s3:\/\/([^/]*)\/?(.*)$/.exec(text) ?? [];
  const bucket = parseBucketName(name);
  const prefix = rest === '' ? '' : parsePrefix(rest);
  if (bucket === undefined || prefix === undefined) {
    const [what, rule] =
      bucket === undefined ? [`bucket ${JSON.stringify(name)}`, bucketRule] : [`prefix ${JSON.stringify(rest)}`, prefixRule];
    throw new DroverError({code: 'invalid-file', message: `store ${JSON.stringify(text)}: ${what} is not valid`, fix: `use ${rule}`});
  }
  return {bucket, prefix};
}

export const storeSchema = parsedField(parseStore, {
  description: 'Directory that keeps snapshots, or s3://bucket/prefix',
  default: '.drover/store',
  examples: ['.drover/store', 's3://releases/shop'],
}).or(
  mapField({
    s3: namedField('bucket', parseBucketName, {rule: bucketRule, description: 'Bucket that the team shares'}),
    prefix: namedField('prefix', parsePrefix, {as: 'prefix', rule: prefixRule, description: 'What the keys begin with'}).optional(),
    endpoint: namedField('endpoint', parseEndpoint, {
      as: 'URL',
      rule: 'http://… or https://…, without user, password or query',
      description: 'S3 service, $AWS_ENDPOINT_URL or Amazon by default',
      examples: ['https://s3.example.com'],
    }).optional(),
    region: namedField('region', parseWord, {rule: wordRule, description: 'Region, $AWS_REGION or us-east-1 by default'}).optional(),
    profile: namedField('profile', parseWord, {
      rule: wordRule,
      description: 'Profile of ~/.aws/credentials, $AWS_PROFILE or default by default',
    }).optional(),
  }).transform(
    ({s3, prefix = '', endpoint, region, profile}): NamedBucket => ({
      bucket: s3,
      prefix,
      ...(endpoint === undefined ? {} : {endpoint}),
      ...(region === undefined ? {} : {region}),
      ...(profile === undefined ? {} : {profile}),
    }),
  ),
);

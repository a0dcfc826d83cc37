import {readFileSync} from 'node:fs';
import {homedir} from 'node:os';
import {DroverError} from '../errors/drover-error.js';
import type {BucketPlace, Project} from '../inventory/app.js';
import {Bucket} from '../snapshot/bucket.js';
import {findCredentials} from '../snapshot/bucket-credentials.js';
import {openBucketStore} from '../snapshot/bucket-store.js';
import {type DirectoryStore, openDirectoryStore} from '../snapshot/directory-store.js';

/** The project's store: a directory, or a bucket behind one. Nothing is read, and nobody is asked, before it is used. */
export function openStore(project: Project, env: NodeJS.ProcessEnv = process.env): DirectoryStore {
  const {store} = project;
  if (typeof store === 'string') return openDirectoryStore({path: store, now: Date.now});
  return openBucketStore({bucket: openBucket(store, env), cache: store.cache, now: Date.now, signal: new AbortController().signal});
}

/** The bucket of a project, with what the environment says where the project is silent. */
export function openBucket({bucket, prefix, endpoint, region, profile}: BucketPlace, env: NodeJS.ProcessEnv): Bucket {
  const chosenRegion = region ?? (env.AWS_REGION || env.AWS_DEFAULT_REGION || 'us-east-1');
  const chosenEndpoint = endpoint ?? (env.AWS_ENDPOINT_URL_S3 || env.AWS_ENDPOINT_URL || `https://s3.${chosenRegion}.amazonaws.com`);
  const credentials = (): ReturnType<typeof findCredentials> => findCredentials({env, home: env.HOME ?? homedir(), profile});
  let found: ReturnType<typeof findCredentials> | undefined;
  return new Bucket({
    bucket,
    prefix,
    endpoint: readEndpoint(chosenEndpoint),
    region: chosenRegion,
    where: `s3://${bucket}${prefix === '' ? '' : `/${prefix}`}`,
    credentials: () => {
      found ??= credentials();
      return found;
    },
    ...readAuthorities(env.AWS_CA_BUNDLE),
    now: Date.now,
    random: Math.random,
  });
}

function readEndpoint(text: string): string {
  if (/^https?:\/\/[^\s?#@]+$/.test(text) && URL.canParse(text)) return text.replace(/\/+$/, '');
  throw new DroverError({
    code: 'usage',
    message: `AWS_ENDPOINT_URL ${JSON.stringify(text)} is not a valid URL`,
    fix: 'write http://… or https://…, without user, password or query',
  });
}

function readAuthorities(file: string | undefined): {readonly ca?: string} {
  if (file === undefined || file === '') return {};
  try {
    return {ca: readFileSync(file, 'utf8')};
  } catch {
    throw new DroverError({
      code: 'not-found',
      message: 'AWS_CA_BUNDLE names a file that cannot be read',
      file,
      fix: 'name a file of certificates in PEM',
    });
  }
}

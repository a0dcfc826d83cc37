import {readFileSync} from 'node:fs';
import path from 'node:path';
import {DroverError} from '../errors/drover-error.js';
import {readErrorCode} from './error-code.js';

export interface BucketKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** Keys that show themselves to nobody: not in text, not in JSON, not to an inspector. */
export class BucketCredentials {
  readonly #keys: BucketKeys;

  constructor(keys: BucketKeys) {
    this.#keys = keys;
  }

  /** For the signature of a request, and nothing else. */
  reveal(): BucketKeys {
    return this.#keys;
  }
}

export interface FindCredentialsOptions {
  readonly env: NodeJS.ProcessEnv;
  /** The operator's home. */
  readonly home: string;
  /** Named by the project; it goes before the keys of the environment. */
  readonly profile?: string | undefined;
}

/** The keys of one section of a credentials file; those of others are passed over. */
function readProfile(text: string, profile: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  let inside = false;
  for (const line of text.split(/\r?\n/)) {
    const section = /^\s*\[\s*(.*?)\s*\]\s*$/.exec(line)?.[1];
    if (section !== undefined) inside = section === profile;
    const [, key, value] = /^\s*([a-z_]+)\s*=\s*(\S+)\s*$/.exec(line) ?? [];
    if (inside && key !== undefined && value !== undefined) found.set(key, value);
  }
  return found;
}

/**
 * Keys from the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN), else from a profile of ~/.aws/credentials
 * (AWS_SHARED_CREDENTIALS_FILE, AWS_PROFILE). Throws `authentication` when there are none.
 */
export function findCredentials({env, home, profile}: FindCredentialsOptions): BucketCredentials {
  const {AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_SESSION_TOKEN: sessionToken} = env;
  if (profile === undefined && accessKeyId && secretAccessKey) {
    return new BucketCredentials({accessKeyId, secretAccessKey, ...(sessionToken ? {sessionToken} : {})});
  }
  const file = env.AWS_SHARED_CREDENTIALS_FILE || path.join(home, '.aws', 'credentials');
  const name = profile ?? (env.AWS_PROFILE || 'default');
  const keys = readProfile(readFileIfThere(file), name);
  const [id, secret, token] = ['aws_access_key_id', 'aws_secret_access_key', 'aws_session_token'].map((key) => keys.get(key));
  if (id !== undefined && secret !== undefined) {
    return new BucketCredentials({accessKeyId: id, secretAccessKey: secret, ...(token === undefined ? {} : {sessionToken: token})});
  }
  throw new DroverError({
    code: 'authentication',
    message: `there are no credentials for the bucket: profile "${name}" is not in ${file}${profile === undefined ? ', and the environment has none' : ''}`,
    fix: 'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile with AWS_PROFILE or store: {profile: …}',
  });
}

function readFileIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const code = readErrorCode(error);
    if (code === 'ENOENT') return '';
    throw new DroverError({
      code: 'authentication',
      message: `credentials cannot be read: ${code ?? 'unknown error'}`,
      file,
      fix: 'make it readable for you',
    });
  }
}

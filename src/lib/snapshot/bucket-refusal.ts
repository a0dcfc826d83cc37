import {DroverError, type Problem} from '../errors/drover-error.js';
import {readElement} from './xml-element.js';

/** What a reply of the service says against a request. */
export interface Refusal {
  readonly status: number;
  /** `NoSuchBucket`, `SlowDown`, …; empty where the reply has none. */
  readonly code: string;
  readonly message: string;
  /** How far the service's clock is ahead of ours; undefined where the reply has no date. */
  readonly aheadMs: number | undefined;
}

/** A refusal that may be gone a moment later. */
export function isPassing({status, code}: Refusal): boolean {
  return status >= 500 ? status !== 501 : status === 429 || status === 408 || code === 'RequestTimeout' || code === 'OperationAborted';
}

export function readRefusal(status: number, date: string | undefined, body: string, nowMs: number): Refusal {
  const serverMs = Date.parse(date ?? '');
  const aheadMs = Number.isNaN(serverMs) ? undefined : serverMs - nowMs;
  return {status, code: readElement(body, 'Code'), message: readElement(body, 'Message').slice(0, 300), aheadMs};
}

/** Services refuse requests whose time is further off than 15 minutes. */
const skewMs = 10 * 60_000;

/** One line for people, and the status that scripts branch on. `where` is the bucket as the project names it. */
export function explainRefusal(where: string, refusal: Refusal): DroverError {
  const {status, code, message, aheadMs} = refusal;
  const said = code === '' ? `status ${status}` : `${code}${message === '' ? '' : `: ${message}`}`;
  const skewed = code === 'RequestTimeTooSkewed' || (status === 403 && aheadMs !== undefined && Math.abs(aheadMs) > skewMs);
  if (skewed) {
    const minutes = aheadMs === undefined ? '' : ` ${Math.round(Math.abs(aheadMs) / 60_000)} min ${aheadMs > 0 ? 'behind' : 'ahead of'}`;
    return new DroverError({
      code: 'authentication',
      message: `${where} refuses the time of this machine: its clock is${minutes === '' ? ' far from' : minutes} that of the service`,
      fix: 'set the clock of this machine',
    });
  }
  return new DroverError({message: `${where}: ${said}`, ...classify(refusal)});
}

function classify({status, code}: Refusal): Pick<Problem, 'code' | 'fix'> {
  const known = causes[code];
  if (known !== undefined) return known;
  if (status === 403 || status === 401) return {code: 'authentication', fix: 'check the access key, its secret and what it may do'};
  if (status === 404) return {code: 'not-found', fix: 'check endpoint, bucket and prefix of store:'};
  if (status >= 300 && status < 400) return {code: 'invalid-file', fix: 'check endpoint and region of store:'};
  return {code: 'unreachable', fix: 'try again; what was uploaded stays'};
}

const wrongKey = {code: 'authentication', fix: 'check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the profile'} as const;
const expired = {code: 'authentication', fix: 'get new credentials: these have expired'} as const;
const wrongRegion = {code: 'invalid-file', fix: 'set region of store:, or AWS_REGION'} as const;

const causes: Readonly<Record<string, Pick<Problem, 'code' | 'fix'>>> = {
  NoSuchBucket: {code: 'not-found', fix: 'create the bucket, or check endpoint and store:'},
  InvalidAccessKeyId: wrongKey,
  SignatureDoesNotMatch: wrongKey,
  AccessDenied: {code: 'authentication', fix: 'let this key read and write below the prefix, and list the bucket'},
  ExpiredToken: expired,
  ExpiredTokenException: expired,
  PermanentRedirect: wrongRegion,
  AuthorizationHeaderMalformed: wrongRegion,
  QuotaExceeded: {code: 'refused', fix: 'make room in the bucket, or raise its quota'},
};

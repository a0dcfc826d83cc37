import type {Link} from '../host/link.js';
import type {WarmSettings} from '../inventory/app.js';

/** How one URL was answered. */
export type WarmSample = {readonly path: string; readonly ms: number; readonly headers: Readonly<Record<string, string>>} & (
  | {readonly kind: 'answered'; readonly status: number}
  | {readonly kind: 'failed'; readonly why: string}
);

/** Some URLs to ask one host for, no faster than this. */
export interface WarmBatch {
  readonly link: Link;
  readonly settings: Pick<WarmSettings, 'port' | 'hostHeader' | 'headers'>;
  readonly paths: readonly string[];
  readonly ratePerSecond: number;
  readonly concurrency: number;
  /** How long one answer is thought to take. */
  readonly expectedMs: number;
  /** No request is begun after this. */
  readonly budgetMs: number;
  readonly signal: AbortSignal;
}

/** Longest wait for one answer. */
export const requestTimeoutMs = 30_000;

/** The headers of each request, the public Host first. */
export function warmHeaders({hostHeader, headers}: WarmBatch['settings']): Record<string, string> {
  return {...(hostHeader === undefined ? {} : {host: hostHeader}), 'user-agent': 'drover-warm', ...headers};
}

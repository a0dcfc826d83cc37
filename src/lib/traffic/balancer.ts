import type {Host} from '../inventory/host.js';

/** What the balancers say of one host. `absent`: no balancer knows it. Counted from their own view, never remembered. */
export interface Rotation {
  readonly host: Host;
  readonly state: 'in' | 'draining' | 'out' | 'down' | 'absent';
  /** Open sessions over all balancers. */
  readonly sessions: number;
}

/**
 * Takes hosts out of rotation and puts them back. One implementation for each way to balance; `drained` means drained
 * on all balancers that know the host. Failures throw `DroverError`; nothing is half done without saying so.
 */
export interface Balancer {
  readonly kind: 'haproxy' | 'nginx' | 'varnish' | 'file' | 'exec' | 'none';
  /** Proves before the run that each balancer answers and knows each host: all problems at once, or an empty list. */
  preflight(hosts: readonly Host[], signal: AbortSignal): Promise<readonly string[]>;
  /** The balancers' own view now. */
  read(hosts: readonly Host[], signal: AbortSignal): Promise<readonly Rotation[]>;
  /** Out of rotation, sessions ended or cut by policy when this returns. `cut` counts sessions cut. */
  drain(host: Host, signal: AbortSignal): Promise<{readonly cut: number}>;
  /** Back in rotation and seen as up by every balancer when this returns. Idempotent. */
  admit(host: Host, signal: AbortSignal): Promise<void>;
}

/** Tells people something that stops nothing: once for each message of a run. */
export type Warn = (warning: {readonly host: string; readonly message: string}) => Promise<void>;

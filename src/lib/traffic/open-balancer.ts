import type {Link} from '../host/link.js';
import type {Drain} from '../inventory/app.js';
import type {Host} from '../inventory/host.js';
import type {Balancer, Warn} from './balancer.js';
import {createExecBalancer} from './exec-balancer.js';
import {createFileBalancer} from './file-balancer.js';
import {createHaproxyBalancer} from './haproxy-balancer.js';
import {createNginxBalancer} from './nginx-balancer.js';
import {createNoBalancer} from './no-balancer.js';
import {type Pause, pause} from './pause.js';
import {createVarnishBalancer} from './varnish-balancer.js';

export interface BalancerOptions {
  /** Hosts that `drain.on` selects; empty where the setting has no `on`. */
  readonly balancerHosts: readonly Host[];
  /** The app's root on its hosts. */
  readonly root: string;
  readonly open: (host: Host, signal: AbortSignal) => Promise<Link>;
  readonly sleep?: Pause;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  readonly warn: Warn;
}

/** The door of this room to balancers: chooses by `drain.kind`; without `drain`, hosts are in rotation always. */
export function openBalancer(drain: Drain | undefined, {balancerHosts, root, open, sleep = pause, now, warn}: BalancerOptions): Balancer {
  switch (drain?.kind) {
    case undefined:
      return createNoBalancer();
    case 'haproxy':
      return createHaproxyBalancer({drain, balancerHosts, open, sleep, now, warn});
    case 'nginx':
      return createNginxBalancer({drain, balancerHosts, open, sleep, warn});
    case 'varnish':
      return createVarnishBalancer({drain, balancerHosts, open, sleep, warn});
    case 'file':
      return createFileBalancer({drain, root, open, sleep});
    case 'exec':
      return createExecBalancer({drain, balancerHosts, open, sleep});
  }
}

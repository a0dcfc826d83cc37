import type {Problem} from '../errors/drover-error.js';
import {fanOut} from '../fanout/fan-out.js';
import {KnownHosts} from '../host/known-hosts.js';
import {LoginGate} from '../host/login-gate.js';
import {type ShownKey, showHostKey} from '../host/shown-key.js';
import {SshResolver} from '../host/ssh-resolver.js';
import type {Host} from '../inventory/host.js';

export interface HostKeyReport {
  readonly keys: readonly ShownKey[];
  /** Hosts that showed no key. */
  readonly problems: readonly Problem[];
}

/** Asks hosts for their keys, many at once, without logging in; in the order of the hosts. */
export async function readHostKeys(
  hosts: readonly Host[],
  options: {
    readonly files: readonly string[];
    readonly concurrency: number;
    readonly env: NodeJS.ProcessEnv;
    readonly random: () => number;
    readonly signal: AbortSignal;
  },
): Promise<HostKeyReport> {
  const {files, concurrency, env, random, signal} = options;
  const resolver = new SshResolver(env);
  const knownHosts = new KnownHosts();
  const gate = new LoginGate();
  const outcomes = await fanOut(hosts, (host) => showHostKey(host, {env, resolver, knownHosts, files, gate, signal}), {
    concurrency,
    random,
    signal,
  });
  signal.throwIfAborted();
  return {
    keys: outcomes.flatMap((outcome) => (outcome.kind === 'done' ? [outcome.value] : [])),
    problems: outcomes.flatMap((outcome) => (outcome.kind === 'failed' ? [outcome.problem] : [])),
  };
}

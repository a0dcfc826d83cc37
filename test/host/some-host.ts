import type {Host, HostName, SiloName, SshSettings} from '../../src/lib/inventory/host.js';
import type {Sshd} from './sshd.js';

export function makeHost(ssh: Partial<SshSettings> = {}, name = 'web1'): Host {
  return {name: name as HostName, silo: 'eu' as SiloName, roles: [], ssh: {link: 'auto', connectTimeoutMs: 10_000, ...ssh}};
}

/** A host that is `sshd`, reached as its own files say. */
export function hostAt(sshd: Sshd, ssh: Partial<SshSettings> = {}): Host {
  return makeHost({
    address: '127.0.0.1',
    port: sshd.port,
    user: sshd.user,
    identity: sshd.identity,
    knownHosts: sshd.knownHosts,
    config: '/dev/null',
    ...ssh,
  });
}

/** The environment of an operator without an agent. */
export function plainEnv(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const {SSH_AUTH_SOCK: _, ...env} = process.env;
  return {...env, ...more};
}

/** Never aborted: the test's own time ends it. */
export const patiently: AbortSignal = new AbortController().signal;

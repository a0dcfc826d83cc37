import {DroverError} from '../errors/drover-error.js';
import type {Host} from '../inventory/host.js';
import {fingerprintOf, type KnownKeys} from './known-hosts.js';

/** The verdict over the key that a host showed: undefined when it is the right one. */
export function judgeHostKey(host: Host, name: string, shown: Buffer, known: KnownKeys): DroverError | undefined {
  const found = fingerprintOf(shown);
  const refuse = (message: string, fix: string): DroverError => new DroverError({code: 'host-key', message: `${host.name}: ${message}`, host: host.name, fix});
  if (known.revoked.some((key) => key.equals(shown))) return refuse(`the host key ${found} is revoked`, 'find out why before you connect');
  const pinned = host.ssh.fingerprint;
  if (pinned !== undefined) {
    if (pinned === found) return undefined;
    return refuse(`the host key is ${found}, the inventory pins ${pinned}`, 'find out why it changed, then correct the inventory');
  }
  if (known.keys.some(({key}) => key.equals(shown))) return undefined;
  if (known.keys.length === 0) {
    return refuse(`the host key ${found} of ${name} is not known`, `check it, then: ssh-keyscan ${name.startsWith('[') ? '-p PORT ' : ''}HOST >> ~/.ssh/known_hosts`);
  }
  const recorded = known.keys.map(({key, where}) => `${fingerprintOf(key)} (${where})`).join(', ');
  return refuse(`the host key has CHANGED: it shows ${found}, known is ${recorded}`, 'find out why before you connect: somebody may be in between');
}

/** Host key algorithms that lead to the keys we know, as OpenSSH orders them; undefined leaves the client's own order. */
export function wantedAlgorithms(known: KnownKeys): string[] | undefined {
  const types = new Set(known.keys.map(({type}) => type));
  if (types.size === 0) return undefined;
  const order = ['ssh-ed25519', 'ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521', 'ssh-rsa'];
  return order.filter((type) => types.has(type)).flatMap((type) => (type === 'ssh-rsa' ? ['rsa-sha2-512', 'rsa-sha2-256'] : [type]));
}

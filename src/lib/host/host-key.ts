import {DroverError} from '../errors/drover-error.js';
import {quoteWord} from '../errors/shell-word.js';
import type {Host} from '../inventory/host.js';
import {fingerprintOf, type KnownKeys} from './known-hosts.js';

/** The verdict over the key that a host showed: undefined when it is the right one. `name` is what known_hosts calls the host. */
export function judgeHostKey(host: Host, name: string, shown: Buffer, known: KnownKeys): DroverError | undefined {
  const found = fingerprintOf(shown);
  const refuse = (message: string, fix: string): DroverError =>
    new DroverError({code: 'host-key', message: `${host.name}: ${message}`, host: host.name, fix});
  if (known.revoked.some((key) => key.equals(shown))) return refuse(`the host key ${found} is revoked`, 'find out why before you connect');
  const pinned = host.ssh.fingerprint;
  if (pinned !== undefined) {
    if (pinned === found) return undefined;
    return refuse(`the host key is ${found}, the inventory pins ${pinned}`, 'find out why it changed, then correct the inventory');
  }
  if (known.keys.some(({key}) => key.equals(shown))) return undefined;
  if (known.keys.length === 0) {
    if (known.portless.some(({key}) => key.equals(shown))) return undefined;
    if (known.certified) return refuse(`only a certificate authority is known for ${name}`, 'set ssh: {link: openssh} in the inventory');
    return refuse(`the host key ${found} of ${name} is not known`, explainScan(host, name));
  }
  const recorded = known.keys.map(({key, where}) => `${fingerprintOf(key)} (${where})`).join(', ');
  return refuse(
    `the host key has CHANGED: it shows ${found}, known is ${recorded}`,
    'find out why before you connect: somebody may be in between',
  );
}

/** How to make a host key known, by `[name]:port` or a plain name. */
export function explainScan(host: Host, name: string): string {
  const bracketed = /^\[(.*)\]:(\d+)$/.exec(name);
  const words = bracketed === null ? name : `-p ${bracketed[2]} ${bracketed[1]}`;
  const file = host.ssh.knownHosts === undefined ? '~/.ssh/known_hosts' : quoteWord(host.ssh.knownHosts);
  return `check it, then: ssh-keyscan ${words} >> ${file}`;
}

const families = {
  'ssh-ed25519': ['ssh-ed25519'],
  'ecdsa-sha2-nistp256': ['ecdsa-sha2-nistp256'],
  'ecdsa-sha2-nistp384': ['ecdsa-sha2-nistp384'],
  'ecdsa-sha2-nistp521': ['ecdsa-sha2-nistp521'],
  'ssh-rsa': ['rsa-sha2-512', 'rsa-sha2-256'],
} as const;

export type HostKeyAlgorithm = (typeof families)[keyof typeof families][number];

/** The kinds of host key, each with the algorithms that show it. */
export const hostKeyFamilies: readonly (readonly HostKeyAlgorithm[])[] = Object.values(families);

/** Host key algorithms, those first that lead to a key we know, as OpenSSH orders them: a host with another key is told from an unknown one. */
export function orderAlgorithms(known: KnownKeys): HostKeyAlgorithm[] {
  const types = new Set((known.keys.length > 0 ? known.keys : known.portless).map(({type}) => type));
  const entries = Object.entries(families);
  return [...entries.filter(([type]) => types.has(type)), ...entries.filter(([type]) => !types.has(type))].flatMap(([, algorithms]) => [
    ...algorithms,
  ]);
}

import {writeFile} from 'node:fs/promises';
import type {Host} from '../inventory/host.js';
import {type KnownHosts, knownName} from './known-hosts.js';
import {escapeToken, quotePath} from './ssh-arguments.js';
import type {ResolvedSsh} from './ssh-settings.js';

/** Prints the key that the server shows as a known one when its fingerprint is the pinned one; ssh then lets the server prove it. */
const script = `# Started by ssh as KnownHostsCommand: PIN NAME TYPE KEY FINGERPRINT
[ "$1" = "$5" ] && printf '%s %s %s\\n' "$2" "$3" "$4"
exit 0
`;

/**
 * Options that make ssh accept exactly the pinned key (OpenSSH 8.5 and later). `prefix` is a path of ours that files may begin with. Keys
 * that known_hosts revokes stay revoked.
 */
export async function pinHostKey(host: Host, options: {prefix: string; resolved: ResolvedSsh; knownHosts: KnownHosts}): Promise<string[]> {
  const {prefix, resolved, knownHosts} = options;
  const {fingerprint} = host.ssh;
  if (fingerprint === undefined) return [];
  const {revoked} = await knownHosts.lookUp(knownName(resolved), resolved.knownHostsFiles);
  await writeFile(`${prefix}.pin`, script, {mode: 0o600});
  await writeFile(`${prefix}.revoked`, revoked.map(writeRevoked).join(''), {mode: 0o600});
  return [
    `KnownHostsCommand=/bin/sh ${quotePath(escapeToken(`${prefix}.pin`))} ${fingerprint} %H %t %K %f`,
    `UserKnownHostsFile=${quotePath(escapeToken(`${prefix}.revoked`))}`,
    'GlobalKnownHostsFile=/dev/null',
  ];
}

/** A line that revokes the key for every name; none for bytes that are no key. A key's own first field is the name of its type. */
export function writeRevoked(key: Buffer): string {
  const length = key.length < 4 ? 0 : key.readUInt32BE(0);
  const type = key.toString('latin1', 4, Math.min(4 + length, key.length));
  return /^[\w@.-]+$/.test(type) ? `@revoked * ${type} ${key.toString('base64')}\n` : '';
}

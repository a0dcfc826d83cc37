import {writeFile} from 'node:fs/promises';
import type {Host} from '../inventory/host.js';
import {type KnownHosts, knownName} from './known-hosts.js';
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
  await writeFile(`${prefix}.revoked`, revoked.map((key) => `@revoked * ${readKeyType(key)} ${key.toString('base64')}\n`).join(''), {
    mode: 0o600,
  });
  return [
    `KnownHostsCommand=/bin/sh "${escapeToken(prefix)}.pin" ${fingerprint} %H %t %K %f`,
    `UserKnownHostsFile="${escapeToken(prefix)}.revoked"`,
    'GlobalKnownHostsFile=/dev/null',
  ];
}

/** A path where ssh would expand % tokens. */
export function escapeToken(file: string): string {
  return file.replaceAll('%', '%%');
}

/** A key's own first field is the name of its type. */
function readKeyType(key: Buffer): string {
  return key.toString('latin1', 4, 4 + key.readUInt32BE(0));
}

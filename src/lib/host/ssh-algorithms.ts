import {hostKeyFamilies} from './host-key.js';
import type {SshAnswer} from './ssh-answer.js';

/** What the in-process client may negotiate, each list in the order of preference. */
export interface Algorithms {
  readonly kex: readonly string[];
  readonly cipher: readonly string[];
  readonly hmac: readonly string[];
  readonly serverHostKey: readonly string[];
}

/** All that the in-process client ever offers: nothing with SHA-1, CBC or a group below 2048 bits, and no post-quantum exchange, which it has not. */
export const modernAlgorithms: Algorithms = {
  kex: [
    'curve25519-sha256',
    'curve25519-sha256@libssh.org',
    'ecdh-sha2-nistp256',
    'ecdh-sha2-nistp384',
    'ecdh-sha2-nistp521',
    'diffie-hellman-group16-sha512',
    'diffie-hellman-group18-sha512',
    'diffie-hellman-group14-sha256',
    'diffie-hellman-group-exchange-sha256',
  ],
  cipher: ['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com', 'chacha20-poly1305@openssh.com', 'aes128-ctr', 'aes192-ctr', 'aes256-ctr'],
  hmac: ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com', 'hmac-sha2-256', 'hmac-sha2-512'],
  serverHostKey: hostKeyFamilies.flat(),
};

const settings = [
  {list: 'kex', keyword: 'KexAlgorithms'},
  {list: 'cipher', keyword: 'Ciphers'},
  {list: 'hmac', keyword: 'MACs'},
  {list: 'serverHostKey', keyword: 'HostKeyAlgorithms'},
] as const;

const postQuantum = /sntrup|mlkem/;

/**
 * What the in-process client may offer to a host of which ssh gave this answer, `usual` being ssh's answer where nothing is configured: of a list
 * that ssh_config sets, what both know, in the order that it sets. A text says which setting it cannot keep: one that asks for a post-quantum
 * exchange, or adds what ssh itself would not offer, or leaves nothing.
 */
export function chooseAlgorithms(answer: SshAnswer, usual: SshAnswer): Algorithms | string {
  const chosen = {...modernAlgorithms};
  for (const {list, keyword} of settings) {
    const [wanted, byDefault] = [answer, usual].map(({values}) => values.get(keyword.toLowerCase())?.[0]);
    if (wanted === undefined || wanted === byDefault) continue;
    const names = wanted.split(',');
    const ours = new Set(modernAlgorithms[list]);
    const added = names.filter((name) => !ours.has(name) && !(byDefault ?? '').split(',').includes(name));
    const both = names.filter((name) => ours.has(name));
    if (added.length > 0 || both.length === 0 || (list === 'kex' && names.some((name) => postQuantum.test(name)))) return keyword;
    chosen[list] = both;
  }
  return chosen;
}

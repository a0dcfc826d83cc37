import {createHash} from 'node:crypto';

/**
 * The hosts that hold a key, by rendezvous (highest random weight) hashing: each host's weight for the key depends on nothing but the two, so
 * that a host that comes or goes moves only what it gains or held itself. Gives the `copies` heaviest, heaviest first.
 */
export function chooseHolders(key: string, hosts: readonly string[], copies: number): readonly string[] {
  const weights = hosts.map((host) => ({host, weight: createHash('sha256').update(`${host}\0${key}`).digest('hex')}));
  return weights
    .sort((a, b) => (a.weight < b.weight ? 1 : -1))
    .slice(0, copies)
    .map(({host}) => host);
}

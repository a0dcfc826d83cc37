import ssh2 from 'ssh2';
import {describe, expect, it} from 'vitest';
import {chooseAlgorithms, modernAlgorithms} from '../../src/lib/host/ssh-algorithms.js';
import type {SshAnswer} from '../../src/lib/host/ssh-answer.js';

/** As OpenSSH 9.2 answers without a configuration. */
const usual = {
  kexalgorithms: 'sntrup761x25519-sha512@openssh.com,curve25519-sha256,ecdh-sha2-nistp256,diffie-hellman-group14-sha256',
  ciphers: 'chacha20-poly1305@openssh.com,aes128-ctr,aes128-gcm@openssh.com,aes256-gcm@openssh.com',
  macs: 'umac-64-etm@openssh.com,hmac-sha2-256-etm@openssh.com,hmac-sha1-etm@openssh.com,hmac-sha2-512',
  hostkeyalgorithms: 'ssh-ed25519-cert-v01@openssh.com,ssh-ed25519,sk-ssh-ed25519@openssh.com,rsa-sha2-512',
};

function answer(values: Partial<typeof usual>): SshAnswer {
  return {values: new Map(Object.entries({...usual, ...values}).map(([key, value]) => [key, [value]])), files: undefined};
}

describe('what the in-process client offers', () => {
  it('T27: is modern, and known to it', () => {
    const all = Object.values(modernAlgorithms).flat();
    expect(all.filter((name: string) => /sha1|cbc|3des|md5|96|arcfour|^ssh-rsa$|^ssh-dss$|group1-/.test(name))).toEqual([]);
    const config = {algorithms: modernAlgorithms} as unknown as ssh2.ConnectConfig;
    const client = new ssh2.Client().on('error', () => undefined);
    // It throws at a name that it does not know.
    expect(() => client.connect({...config, host: '127.0.0.1', port: 1, username: 'nobody'})).not.toThrow();
    client.destroy();
  });

  it('is all of that where nothing is configured', () => {
    expect(chooseAlgorithms(answer({}), answer({}))).toEqual(modernAlgorithms);
    expect(chooseAlgorithms({values: new Map(), files: undefined}, answer({}))).toEqual(modernAlgorithms);
  });

  it.each([
    ['kex', {kexalgorithms: 'ecdh-sha2-nistp256,curve25519-sha256'}, ['ecdh-sha2-nistp256', 'curve25519-sha256']],
    ['cipher', {ciphers: 'aes256-gcm@openssh.com'}, ['aes256-gcm@openssh.com']],
    ['hmac', {macs: 'hmac-sha1-etm@openssh.com,hmac-sha2-512'}, ['hmac-sha2-512']],
    ['serverHostKey', {hostkeyalgorithms: 'ssh-ed25519-cert-v01@openssh.com,ssh-ed25519'}, ['ssh-ed25519']],
  ] as const)('keeps to the %s that ssh_config sets, in its order', (list, set, expected) => {
    expect(chooseAlgorithms(answer(set), answer({}))).toEqual({...modernAlgorithms, [list]: expected});
  });

  it.each([
    ['a post-quantum exchange', {kexalgorithms: 'sntrup761x25519-sha512@openssh.com,curve25519-sha256'}, 'KexAlgorithms'],
    ['one that is not known here', {kexalgorithms: 'mlkem768x25519-sha256'}, 'KexAlgorithms'],
    ['an old one', {kexalgorithms: `${usual.kexalgorithms},diffie-hellman-group1-sha1`}, 'KexAlgorithms'],
    ['an old cipher', {ciphers: `${usual.ciphers},aes128-cbc`}, 'Ciphers'],
    ['what it does not have', {macs: 'umac-64-etm@openssh.com'}, 'MACs'],
    ['an old host key', {hostkeyalgorithms: `${usual.hostkeyalgorithms},ssh-rsa`}, 'HostKeyAlgorithms'],
  ])('is nothing where ssh_config asks for %s', (_, set, keyword) => {
    expect(chooseAlgorithms(answer(set), answer({}))).toBe(keyword);
  });

  it('is nothing where nobody can say what ssh offers by itself', () => {
    expect(chooseAlgorithms(answer({}), {values: new Map(), files: undefined})).toBe('KexAlgorithms');
  });
});

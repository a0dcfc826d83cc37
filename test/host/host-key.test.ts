import {spawnSync} from 'node:child_process';
import {copyFile, readFile, writeFile} from 'node:fs/promises';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import type {Host, LinkChoice, SshSettings} from '../../src/lib/inventory/host.js';
import {both, LoginBench} from './login-bench.js';
import {hostAt} from './some-host.js';
import {makeKey, type Sshd, sshdMissing, startSshd} from './sshd.js';

describe.skipIf(sshdMissing !== undefined)(`host keys${sshdMissing === undefined ? '' : ` (${sshdMissing})`}`, () => {
  let sshd: Sshd;
  let bench: LoginBench;
  beforeAll(async () => {
    sshd = await startSshd({keyTypes: ['ed25519', 'rsa']});
    bench = await LoginBench.make();
  });
  afterAll(async () => {
    await sshd?.stop();
    await bench?.remove();
  });

  const at = async (link: LinkChoice, lines: string, more: Partial<SshSettings> = {}): Promise<Host> =>
    hostAt(sshd, {link, knownHosts: await bench.write(lines), ...more});
  const name = (): string => `[127.0.0.1]:${sshd.port}`;

  describe.each(both)('%s and known_hosts', (link) => {
    it('opens where the key is known, by name and port, hashed, or by a pattern', async () => {
      const hashed = bench.file(`hashed-${link}`);
      await copyFile(sshd.knownHosts, hashed);
      spawnSync('ssh-keygen', ['-H', '-f', hashed]);
      const hashedText = await readFile(hashed, 'utf8');
      expect(hashedText).toMatch(/^\|1\|/);
      const [ed25519] = sshd.hostKeys;
      for (const lines of [
        `${name()} ${ed25519}\n`,
        hashedText,
        `*.example.com,[127.0.0.*]:* ${ed25519}\n`,
        `# note\n\nother ${ed25519}\n${name()} ${ed25519} comment\n`,
      ]) {
        expect(await bench.opens(await at(link, lines))).toBe(`${link} in`);
      }
    });

    it('B16: refuses an unknown key, whatever else is known, and says how to make it known', async () => {
      const [ed25519] = sshd.hostKeys;
      for (const lines of ['', `other ${ed25519}\n`, `[127.0.0.*]:*,!${name()} ${ed25519}\n`]) {
        const error = await bench.failure(await at(link, lines));
        expect(error.code).toBe('host-key');
        expect(error.message).toContain('is not known');
        expect(error.problems[0].fix).toContain(`ssh-keyscan -p ${sshd.port} 127.0.0.1 >>`);
      }
    });

    it('takes a key that is known for the usual port, and calls another one there unknown', async () => {
      expect(await bench.opens(await at(link, `127.0.0.1 ${sshd.hostKeys[0]}\n`))).toBe(`${link} in`);
      const stranger = (await readFile(sshd.file('stranger.pub'), 'utf8')).split(' ').slice(0, 2).join(' ');
      expect((await bench.failure(await at(link, `127.0.0.1 ${stranger}\n`))).message).toContain('is not known');
    });

    it('B15: refuses a changed key and shows it', async () => {
      const other = bench.file(`other-${link}`);
      makeKey(other);
      const stranger = (await readFile(`${other}.pub`, 'utf8')).split(' ').slice(0, 2).join(' ');
      const error = await bench.failure(await at(link, `${name()} ${stranger}\n`));
      expect(error.code).toBe('host-key');
      expect(error.message).toContain('CHANGED');
      expect(error.message).toContain(sshd.fingerprint('ed25519'));
      expect(error.message).toMatch(/known-\d+:1/);
    });

    it('asks for the key it knows, where the server has several', async () => {
      expect(await bench.opens(await at(link, `${name()} ${sshd.hostKeys[1]}\n`))).toBe(`${link} in`);
    });

    it('refuses a revoked key, even a pinned one', async () => {
      const lines = `${name()} ${sshd.hostKeys[0]}\n@revoked * ${sshd.hostKeys[0]}\n@revoked * ${sshd.hostKeys[1]}\n`;
      for (const fingerprint of [undefined, sshd.fingerprint('ed25519')]) {
        const error = await bench.failure(await at(link, lines, fingerprint === undefined ? {} : {fingerprint}));
        expect(error.code).toBe('host-key');
        expect(error.message).toContain('revoked');
      }
    });

    it('B16: opens by a pinned fingerprint alone, of any of the keys, and by no other', async () => {
      expect(await bench.opens(await at(link, '', {fingerprint: sshd.fingerprint('ed25519')}))).toBe(`${link} in`);
      expect(await bench.opens(await at(link, '', {fingerprint: sshd.fingerprint('rsa')}))).toBe(`${link} in`);
      const pin = `SHA256:${'A'.repeat(43)}`;
      const error = await bench.failure(await at(link, `${name()} ${sshd.hostKeys[0]}\n`, {fingerprint: pin}));
      expect(error.code).toBe('host-key');
      expect(error.message).toContain(pin);
    });
  });

  describe('a certificate authority', () => {
    let certified: Sshd;
    let lines: string;
    beforeAll(async () => {
      certified = await startSshd();
      makeKey(certified.file('ca'));
      spawnSync('ssh-keygen', [
        '-q',
        '-s',
        certified.file('ca'),
        '-I',
        'test',
        '-h',
        '-n',
        '127.0.0.1',
        certified.file('host_ed25519.pub'),
      ]);
      lines = `@cert-authority * ${(await readFile(certified.file('ca.pub'), 'utf8')).split(' ').slice(0, 2).join(' ')}\n`;
      const config = await readFile(certified.file('sshd_config'), 'utf8');
      await writeFile(certified.file('sshd_config'), `${config}HostCertificate ${certified.file('host_ed25519-cert.pub')}\n`);
      await certified.reload();
    });
    afterAll(() => certified?.stop());

    it('is left to OpenSSH by itself', async () => {
      expect(await bench.opens(hostAt(certified, {link: 'auto', knownHosts: await bench.write(lines)}))).toBe('openssh in');
    });

    it('is refused by the in-process client, with the way out', async () => {
      const error = await bench.failure(hostAt(certified, {link: 'ssh', knownHosts: await bench.write(lines)}));
      expect([error.code, error.problems[0].fix]).toEqual(['host-key', 'set ssh: {link: openssh} in the inventory']);
    });
  });
});

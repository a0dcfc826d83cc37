import {mkdir, readdir, readFile, stat} from 'node:fs/promises';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {createLinkOpener} from '../../src/lib/host/open-link.js';
import {both, LoginBench} from './login-bench.js';
import {hostAt, patiently, plainEnv} from './some-host.js';
import {type Sshd, sshdMissing, startSshd} from './sshd.js';

describe.skipIf(sshdMissing !== undefined)(`a login that others meddle with${sshdMissing === undefined ? '' : ` (${sshdMissing})`}`, () => {
  let sshd: Sshd;
  let bench: LoginBench;
  beforeAll(async () => {
    bench = await LoginBench.make();
    sshd = await startSshd({keyTypes: ['ed25519', 'ecdsa']});
  });
  afterAll(async () => {
    await sshd?.stop();
    await bench?.remove();
  });

  it.each(both)(
    'T26: %s learns no host key by itself: not the first one, not another one, not a further one of a host it knows',
    async (link) => {
      const home = bench.file(`home-${link}`);
      await mkdir(home);
      const env = plainEnv({HOME: home});
      const [ed25519 = '', ecdsa = ''] = sshd.hostKeys;
      const name = `[127.0.0.1]:${sshd.port}`;
      for (const [lines, outcome] of [
        ['', 'host-key'],
        [`${name} ${ecdsa.replace(/.{8}$/, 'AAAAAAA=')}\n`, 'host-key'],
        [`${name} ${ed25519}\n`, `${link} in`],
      ] as const) {
        const knownHosts = await bench.write(lines);
        const host = hostAt(sshd, {link, knownHosts});
        expect(outcome === 'host-key' ? (await bench.failure(host, env)).code : await bench.opens(host, env)).toBe(outcome);
        expect(await readFile(knownHosts, 'utf8')).toBe(lines);
      }
      expect(await readdir(home)).toEqual([]);
    },
  );

  it('T27: neither client speaks a key exchange or a cipher of old', async () => {
    for (const config of ['KexAlgorithms diffie-hellman-group14-sha1,diffie-hellman-group1-sha1', 'Ciphers aes128-cbc,3des-cbc']) {
      const old = await startSshd({config: [config]});
      try {
        for (const link of both) {
          const error = await bench.failure(hostAt(old, {link}));
          expect([config, link, error.code]).toEqual([config, link, 'unreachable']);
          if (link === 'ssh') expect(error.message).toMatch(/no matching/);
        }
      } finally {
        await old.stop();
      }
    }
  });

  it('T31: openssh keeps its control socket in a folder that is new, of our own and nobody else may enter', async () => {
    const shared = bench.file('runtime');
    await mkdir(shared, {mode: 0o777});
    const before = process.umask(0);
    const opener = createLinkOpener({env: plainEnv(), runtimeDirectory: shared});
    try {
      await opener.open(hostAt(sshd, {link: 'openssh'}), patiently);
      const [folder = '', ...more] = await readdir(shared);
      expect(more).toEqual([]);
      const {mode, uid} = await stat(`${shared}/${folder}`);
      expect([(mode & 0o777).toString(8), uid]).toEqual(['700', process.getuid?.()]);
      const next = createLinkOpener({env: plainEnv(), runtimeDirectory: shared});
      await next.open(hostAt(sshd, {link: 'openssh'}), patiently);
      expect(await readdir(shared), 'no socket is taken over from another run').toHaveLength(2);
      await next.closeAll();
    } finally {
      process.umask(before);
      await opener.closeAll();
    }
    expect(await readdir(shared)).toEqual([]);
  });
});

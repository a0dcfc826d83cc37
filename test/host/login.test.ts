import {spawn, spawnSync} from 'node:child_process';
import {chmod, copyFile, mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {DroverError, formatProblem} from '../../src/lib/errors/drover-error.js';
import type {Link} from '../../src/lib/host/link.js';
import {createLinkOpener} from '../../src/lib/host/open-link.js';
import type {Host, LinkChoice, SshSettings} from '../../src/lib/inventory/host.js';
import {ask} from './link-contract.js';
import {hostAt, makeHost, patiently, plainEnv} from './some-host.js';
import {findFreePort, makeKey, type Sshd, sshdMissing, startSshd} from './sshd.js';
import {startMuteServer} from './tcp-proxy.js';

const both = ['ssh', 'openssh'] as const;

describe.skipIf(sshdMissing !== undefined)(`logging in${sshdMissing === undefined ? '' : ` (${sshdMissing})`}`, () => {
  let sshd: Sshd;
  let folder: string;
  let files = 0;

  beforeAll(async () => {
    sshd = await startSshd({keyTypes: ['ed25519', 'rsa']});
    folder = await mkdtemp(path.join(tmpdir(), 'drover-login-'));
  });
  afterAll(async () => {
    await sshd?.stop();
    if (folder !== undefined) await rm(folder, {recursive: true, force: true});
  });

  /** What `use` makes of a link to the host, or the one failure that opening it threw. */
  async function attempt<T>(host: Host, use: (link: Link) => Promise<T>, env = plainEnv()): Promise<T | DroverError> {
    const opener = createLinkOpener({env, runtimeDirectory: folder});
    try {
      return await use(await opener.open(host, patiently));
    } catch (error) {
      if (error instanceof DroverError) return error;
      throw error;
    } finally {
      await opener.closeAll();
    }
  }

  async function failure(host: Host, env = plainEnv()): Promise<DroverError> {
    const result = await attempt(host, async (link) => link.kind, env);
    if (!(result instanceof DroverError)) throw new Error(`${result} opened`);
    const text = formatProblem(result.problems[0]);
    expect(text).not.toMatch(/\n/);
    expect(text).toMatch(/^error\[[a-z-]+\]: web1: .*; /);
    return result;
  }

  async function opens(host: Host, env = plainEnv()): Promise<string> {
    const result = await attempt(host, async (link) => `${link.kind} ${(await ask(link, 'echo in')).stdout.toString().trim()}`, env);
    return result instanceof DroverError ? result.message : result;
  }

  async function knowing(lines: string): Promise<string> {
    const file = path.join(folder, `known-${++files}`);
    await writeFile(file, lines);
    return file;
  }

  const at = async (link: LinkChoice, lines: string, more: Partial<SshSettings> = {}): Promise<Host> =>
    hostAt(sshd, {link, knownHosts: await knowing(lines), ...more});
  const name = (): string => `[127.0.0.1]:${sshd.port}`;

  describe.each(both)('%s and known_hosts', (link) => {
    it('opens where the key is known, by name and port, hashed, or by a pattern', async () => {
      const hashed = path.join(folder, `hashed-${link}`);
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
        expect(await opens(await at(link, lines))).toBe(`${link} in`);
      }
    });

    it('refuses an unknown key, whatever else is known, and says how to make it known', async () => {
      const [ed25519] = sshd.hostKeys;
      for (const lines of ['', `other ${ed25519}\n`, `[127.0.0.*]:*,!${name()} ${ed25519}\n`]) {
        const error = await failure(await at(link, lines));
        expect(error.code).toBe('host-key');
        expect(error.message).toContain('is not known');
        expect(error.problems[0].fix).toContain(`ssh-keyscan -p ${sshd.port} 127.0.0.1 >>`);
      }
    });

    it('takes a key that is known for the usual port, and calls another one there unknown', async () => {
      expect(await opens(await at(link, `127.0.0.1 ${sshd.hostKeys[0]}\n`))).toBe(`${link} in`);
      const stranger = (await readFile(sshd.file('stranger.pub'), 'utf8')).split(' ').slice(0, 2).join(' ');
      expect((await failure(await at(link, `127.0.0.1 ${stranger}\n`))).message).toContain('is not known');
    });

    it('refuses a changed key and shows it', async () => {
      const other = path.join(folder, `other-${link}`);
      makeKey(other);
      const stranger = (await readFile(`${other}.pub`, 'utf8')).split(' ').slice(0, 2).join(' ');
      const error = await failure(await at(link, `${name()} ${stranger}\n`));
      expect(error.code).toBe('host-key');
      expect(error.message).toContain('CHANGED');
      expect(error.message).toContain(sshd.fingerprint('ed25519'));
      expect(error.message).toMatch(/known-\d+:1/);
    });

    it('asks for the key it knows, where the server has several', async () => {
      expect(await opens(await at(link, `${name()} ${sshd.hostKeys[1]}\n`))).toBe(`${link} in`);
    });

    it('refuses a revoked key, even a pinned one', async () => {
      const lines = `${name()} ${sshd.hostKeys[0]}\n@revoked * ${sshd.hostKeys[0]}\n@revoked * ${sshd.hostKeys[1]}\n`;
      for (const fingerprint of [undefined, sshd.fingerprint('ed25519')]) {
        const error = await failure(await at(link, lines, fingerprint === undefined ? {} : {fingerprint}));
        expect(error.code).toBe('host-key');
        expect(error.message).toContain('revoked');
      }
    });

    it('opens by a pinned fingerprint alone, of any of the keys, and by no other', async () => {
      expect(await opens(await at(link, '', {fingerprint: sshd.fingerprint('ed25519')}))).toBe(`${link} in`);
      expect(await opens(await at(link, '', {fingerprint: sshd.fingerprint('rsa')}))).toBe(`${link} in`);
      const pin = `SHA256:${'A'.repeat(43)}`;
      const error = await failure(await at(link, `${name()} ${sshd.hostKeys[0]}\n`, {fingerprint: pin}));
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
      expect(await opens(hostAt(certified, {link: 'auto', knownHosts: await knowing(lines)}))).toBe('openssh in');
    });

    it('is refused by the in-process client, with the way out', async () => {
      const error = await failure(hostAt(certified, {link: 'ssh', knownHosts: await knowing(lines)}));
      expect([error.code, error.problems[0].fix]).toEqual(['host-key', 'set ssh: {link: openssh} in the inventory']);
    });
  });

  describe.each(both)('%s and identities', (link) => {
    const said = async (more: Partial<SshSettings>, env = plainEnv()): Promise<[string, string]> => {
      const error = await failure(hostAt(sshd, {link, ...more}), env);
      return [error.code, error.message];
    };

    it('reports a login that is refused', async () => {
      expect(await said({identity: sshd.file('stranger')})).toEqual([
        'authentication',
        expect.stringMatching(/refused the login|Permission denied/),
      ]);
    });

    it('reports a key with a passphrase when no agent runs, without asking for it', async () => {
      const locked = path.join(folder, `locked-${link}`);
      makeKey(locked, {passphrase: 'secret'});
      expect(await said({identity: locked})).toEqual(['authentication', `web1: the key ${locked} has a passphrase and no agent runs`]);
    });

    it('reports a public key that is given as identity', async () => {
      const readable = path.join(folder, `public-${link}`);
      await copyFile(`${sshd.identity}.pub`, readable);
      await chmod(readable, 0o600);
      expect(await said({identity: readable})).toEqual(['authentication', `web1: ${readable} is a public key`]);
    });

    it('reports an identity that does not exist', async () => {
      expect(await said({identity: path.join(folder, 'none')})).toEqual([
        'authentication',
        `web1: the key ${path.join(folder, 'none')} does not exist`,
      ]);
    });

    it('uses an agent and never lends it to the host', async () => {
      const agent = await startAgent(path.join(folder, `agent-${link}`), sshd.identity);
      try {
        const config = await knowing(`Host *\n  ForwardAgent yes\n  IdentityFile ${path.join(folder, 'none')}\n`);
        const {identity: _, ...ssh} = hostAt(sshd, {link, config}).ssh;
        const host = {...makeHost(), ssh};
        const env = plainEnv({SSH_AUTH_SOCK: agent.socket});
        const shown = await attempt(
          host,
          async (open) => (await ask(open, 'echo "agent=$SSH_AUTH_SOCK display=$DISPLAY"')).stdout.toString(),
          env,
        );
        expect(shown).toBe('agent= display=\n');
      } finally {
        agent.stop();
      }
    });
  });

  describe.each(both)('%s and hosts that are not there', (link) => {
    it('gives up a server that hangs after its banner, within its time', async () => {
      const mute = await startMuteServer();
      const started = performance.now();
      const error = await failure(hostAt(sshd, {link, port: mute.port, connectTimeoutMs: 1500}));
      expect(performance.now() - started).toBeLessThan(3500);
      expect([error.code, error.message]).toEqual(['unreachable', expect.stringContaining('no SSH session within 1.5 s')]);
      await mute.close();
    });

    it('stops waiting for a server when it is told to', async () => {
      const mute = await startMuteServer();
      const opener = createLinkOpener({env: plainEnv(), runtimeDirectory: folder});
      const started = performance.now();
      await expect(opener.open(hostAt(sshd, {link, port: mute.port}), AbortSignal.timeout(300))).rejects.toThrow('aborted due to timeout');
      expect(performance.now() - started).toBeLessThan(2500);
      await opener.closeAll();
      await mute.close();
    });

    it('reports a refused connection', async () => {
      const error = await failure(hostAt(sshd, {link, port: await findFreePort()}));
      expect([error.code, error.message]).toEqual(['unreachable', expect.stringMatching(/connection refused/i)]);
    });

    it('reports a name that does not resolve', async () => {
      const error = await failure(hostAt(sshd, {link, address: 'no-such-host.invalid'}));
      expect([error.code, error.message]).toEqual(['unreachable', expect.stringMatching(/resolve/)]);
    });
  });

  it('openssh reports that there is no ssh', async () => {
    const error = await failure(hostAt(sshd, {link: 'openssh'}), plainEnv({PATH: folder}));
    expect([error.code, error.message]).toEqual(['unreachable', 'web1: ssh not found in PATH']);
  });

  it('openssh forces its options over any ssh_config', async () => {
    const config = await knowing(
      `Host *\n  ForwardAgent yes\n  StrictHostKeyChecking no\n  PermitLocalCommand yes\n  LocalCommand touch ${folder}/planted\n  RequestTTY force\n  RemoteCommand touch ${folder}/planted\n  ForkAfterAuthentication yes\n  LocalForward 127.0.0.1:1 127.0.0.1:1\n`,
    );
    expect(await opens(hostAt(sshd, {link: 'openssh', config}))).toBe('openssh in');
    const refused = await failure(hostAt(sshd, {link: 'openssh', config, knownHosts: await knowing('')}));
    expect(refused.code).toBe('host-key');
    await expect(readFile(`${folder}/planted`)).rejects.toThrow('ENOENT');
  });

  it('openssh copes with a folder whose name has a blank and a token of ssh in it', async () => {
    const odd = await mkdtemp(path.join(folder, 'a b%h'));
    const opener = createLinkOpener({env: plainEnv(), runtimeDirectory: odd});
    const link = await opener.open(hostAt(sshd, {link: 'openssh', fingerprint: sshd.fingerprint('ed25519')}), patiently);
    expect((await ask(link, 'echo in')).stdout.toString()).toBe('in\n');
    await opener.closeAll();
  });

  it('openssh takes a short folder where its own is too long for a socket', async () => {
    const opener = createLinkOpener({env: plainEnv(), runtimeDirectory: path.join(folder, 'x'.repeat(80))});
    const link = await opener.open(hostAt(sshd, {link: 'openssh'}), patiently);
    expect((await ask(link, 'echo in')).stdout.toString()).toBe('in\n');
    await opener.closeAll();
  });
});

async function startAgent(socket: string, identity: string): Promise<{socket: string; stop(): void}> {
  const agent = spawn('ssh-agent', ['-D', '-a', socket], {stdio: ['ignore', 'pipe', 'ignore']});
  await new Promise((resolve) => agent.stdout.once('data', resolve));
  const added = spawnSync('ssh-add', ['-q', identity], {env: {...process.env, SSH_AUTH_SOCK: socket}, encoding: 'utf8'});
  if (added.status !== 0) throw new Error(`ssh-add: ${added.stderr}`);
  return {socket, stop: () => agent.kill()};
}

import {spawn, spawnSync} from 'node:child_process';
import dns from 'node:dns';
import {chmod, copyFile, mkdir, mkdtemp, readdir, readFile} from 'node:fs/promises';
import {setTimeout as sleep} from 'node:timers/promises';
import {fileURLToPath} from 'node:url';
import {afterAll, beforeAll, describe, expect, it, vi} from 'vitest';
import {createLinkOpener} from '../../src/lib/host/open-link.js';
import type {SshSettings} from '../../src/lib/inventory/host.js';
import {startFullServer} from './full-server.js';
import {ask} from './link-contract.js';
import {both, LoginBench} from './login-bench.js';
import {hostAt, makeHost, patiently, plainEnv} from './some-host.js';
import {findFreePort, makeKey, type Sshd, sshdMissing, startSshd} from './sshd.js';
import {startMuteServer} from './tcp-proxy.js';

type LookupAll = (error: null, found: readonly dns.LookupAddress[]) => void;

describe.skipIf(sshdMissing !== undefined)(`logging in${sshdMissing === undefined ? '' : ` (${sshdMissing})`}`, () => {
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

  describe.each(both)('%s and identities', (link) => {
    const said = async (more: Partial<SshSettings>, env = plainEnv()): Promise<[string, string]> => {
      const error = await bench.failure(hostAt(sshd, {link, ...more}), env);
      return [error.code, error.message];
    };

    it('B18: reports a login that is refused', async () => {
      expect(await said({identity: sshd.file('stranger')})).toEqual([
        'authentication',
        expect.stringMatching(/refused the login|Permission denied/),
      ]);
    });

    it('B18: reports a key with a passphrase when no agent runs, without asking for it', async () => {
      const locked = bench.file(`locked-${link}`);
      makeKey(locked, {passphrase: 'secret'});
      expect(await said({identity: locked})).toEqual(['authentication', `web1: the key ${locked} has a passphrase and no agent runs`]);
    });

    it('reports a public key that is given as identity', async () => {
      const readable = bench.file(`public-${link}`);
      await copyFile(`${sshd.identity}.pub`, readable);
      await chmod(readable, 0o600);
      expect(await said({identity: readable})).toEqual(['authentication', `web1: ${readable} is a public key`]);
    });

    it('reports an identity that does not exist', async () => {
      expect(await said({identity: bench.file('none')})).toEqual(['authentication', `web1: the key ${bench.file('none')} does not exist`]);
    });

    it('uses an agent and never lends it to the host', async () => {
      const agent = await startAgent(bench.file(`agent-${link}`), sshd.identity);
      try {
        const config = await bench.write(`Host *\n  ForwardAgent yes\n  IdentityFile ${bench.file('none')}\n`);
        const {identity: _, ...ssh} = hostAt(sshd, {link, config}).ssh;
        const host = {...makeHost(), ssh};
        const env = plainEnv({SSH_AUTH_SOCK: agent.socket});
        const shown = await bench.attempt(
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
    it('B5: gives up a server that hangs after its banner, within its time', async () => {
      const mute = await startMuteServer();
      const started = performance.now();
      const error = await bench.failure(hostAt(sshd, {link, port: mute.port, connectTimeoutMs: 1500}));
      expect(performance.now() - started).toBeLessThan(35_000);
      expect([error.code, error.message]).toEqual(['unreachable', expect.stringContaining('no SSH session within 1.5 s')]);
      await mute.close();
    });

    it('stops waiting for a server when it is told to', async () => {
      const mute = await startMuteServer();
      const opener = createLinkOpener({env: plainEnv(), runtimeDirectory: bench.folder});
      const started = performance.now();
      await expect(opener.open(hostAt(sshd, {link, port: mute.port}), AbortSignal.timeout(300))).rejects.toThrow('aborted due to timeout');
      expect(performance.now() - started).toBeLessThan(25_000);
      await opener.closeAll();
      await mute.close();
    });

    it('B2: reports a refused connection', async () => {
      const error = await bench.failure(hostAt(sshd, {link, port: await findFreePort()}));
      expect([error.code, error.message]).toEqual(['unreachable', expect.stringMatching(/connection refused/i)]);
    });

    it('B22: reports a name that does not resolve', async () => {
      const error = await bench.failure(hostAt(sshd, {link, address: 'no-such-host.invalid'}));
      expect([error.code, error.message]).toEqual(['unreachable', expect.stringMatching(/resolve/)]);
    });
  });

  it.each([
    ['refuses', async () => undefined],
    ['swallows what comes', startFullServer],
  ])('B22: reaches a name of two addresses of which one %s', async (_, start) => {
    const dead = await start('127.0.0.2', sshd.port);
    const lookup = vi.spyOn(dns, 'lookup').mockImplementation(((_name: string, _options: object, done: LookupAll) =>
      done(null, [
        {address: '127.0.0.2', family: 4},
        {address: '127.0.0.1', family: 4},
      ])) as unknown as typeof dns.lookup);
    const host = hostAt(sshd, {link: 'ssh', address: 'two.invalid', fingerprint: sshd.fingerprint('ed25519')});
    expect(await bench.opens(host)).toBe('ssh in');
    expect(lookup).toHaveBeenCalledOnce();
    lookup.mockRestore();
    dead?.close();
  });

  it('takes ssh where its own client lacks what ssh_config asks for, and says why', async () => {
    const chosen = async (kex: string, more: Partial<SshSettings> = {}): Promise<string> => {
      const config = await bench.write(`KexAlgorithms ${kex}\n`);
      const told: string[] = [];
      const onOpenssh = async (_: unknown, why: string): Promise<void> => void told.push(why);
      const opener = createLinkOpener({env: plainEnv(), runtimeDirectory: bench.folder, onOpenssh});
      try {
        const link = await opener.open(hostAt(sshd, {config, ...more}), patiently);
        return [link.kind, ...told].join(': ');
      } catch (error) {
        return String(error);
      } finally {
        await opener.closeAll();
      }
    };
    expect(await chosen('ecdh-sha2-nistp384')).toBe('ssh');
    expect(await chosen('sntrup761x25519-sha512@openssh.com')).toBe('openssh: KexAlgorithms');
    expect(await chosen('sntrup761x25519-sha512@openssh.com', {link: 'ssh'})).toContain('web1: link: ssh cannot keep to KexAlgorithms');
  });

  it('openssh reports that there is no ssh', async () => {
    const error = await bench.failure(hostAt(sshd, {link: 'openssh'}), plainEnv({PATH: bench.folder}));
    expect([error.code, error.message]).toEqual(['unreachable', 'web1: ssh not found in PATH']);
  });

  it('T16 T25: openssh forces its options over any ssh_config', async () => {
    const config = await bench.write(
      `Host *\n  ForwardAgent yes\n  StrictHostKeyChecking no\n  PermitLocalCommand yes\n  LocalCommand touch ${bench.folder}/planted\n  RequestTTY force\n  RemoteCommand touch ${bench.folder}/planted\n  ForkAfterAuthentication yes\n  LocalForward 127.0.0.1:1 127.0.0.1:1\n`,
    );
    expect(await bench.opens(hostAt(sshd, {link: 'openssh', config}))).toBe('openssh in');
    const refused = await bench.failure(hostAt(sshd, {link: 'openssh', config, knownHosts: await bench.write('')}));
    expect(refused.code).toBe('host-key');
    await expect(readFile(`${bench.folder}/planted`)).rejects.toThrow('ENOENT');
  });

  it('T2: openssh copes with a folder whose name has a blank and a token of ssh in it', async () => {
    const odd = await mkdtemp(bench.file('a b%h'));
    const opener = createLinkOpener({env: plainEnv(), runtimeDirectory: odd});
    const link = await opener.open(hostAt(sshd, {link: 'openssh', fingerprint: sshd.fingerprint('ed25519')}), patiently);
    expect((await ask(link, 'echo in')).stdout.toString()).toBe('in\n');
    await opener.closeAll();
  });

  it('openssh leaves no connection and no file behind when drover is killed', async () => {
    const runtime = bench.file('killed');
    await mkdir(runtime);
    const host = hostAt(sshd, {link: 'openssh', fingerprint: sshd.fingerprint('ed25519')});
    const holder = fileURLToPath(new URL('hold-link.ts', import.meta.url));
    const child = spawn(process.execPath, ['--import', 'tsx', holder, JSON.stringify(host), runtime], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise((resolve) => child.stdout.once('data', resolve));
    const [folder = ''] = await readdir(runtime);
    const isHeld = (): boolean => spawnSync('ssh', ['-S', `${runtime}/${folder}/${control}`, '-O', 'check', 'x']).status === 0;
    const control = (await readdir(`${runtime}/${folder}`)).find((name) => /^[0-9a-f]{12}$/.test(name)) ?? '';
    expect(isHeld()).toBe(true);
    child.kill('SIGKILL');
    while ((await readdir(runtime)).length > 0) await sleep(50);
    expect(isHeld()).toBe(false);
  });

  it('H4: openssh takes a short folder where its own is too long for a socket', async () => {
    const opener = createLinkOpener({env: plainEnv(), runtimeDirectory: bench.file('x'.repeat(80))});
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

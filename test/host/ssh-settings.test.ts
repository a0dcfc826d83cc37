import {chmod, mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir, userInfo} from 'node:os';
import path from 'node:path';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {modernAlgorithms} from '../../src/lib/host/ssh-algorithms.js';
import {sshArguments} from '../../src/lib/host/ssh-arguments.js';
import {SshResolver} from '../../src/lib/host/ssh-resolver.js';
import type {ResolvedSsh} from '../../src/lib/host/ssh-settings.js';
import type {Host} from '../../src/lib/inventory/host.js';
import {makeHost, patiently} from './some-host.js';

async function resolveSsh(host: Host, env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<ResolvedSsh> {
  return new SshResolver(env).resolve(host, signal);
}

describe('ssh settings', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'drover-settings-'));
  });
  afterAll(() => rm(folder, {recursive: true, force: true}));

  /** A PATH with an `ssh` on it that answers `answer`. */
  async function withSsh(answer: string, status = 0): Promise<NodeJS.ProcessEnv> {
    const bin = await mkdtemp(path.join(folder, 'bin-'));
    await writeFile(
      path.join(bin, 'ssh'),
      `#!/bin/sh\nprintf '%s\\n' "$@" >"${bin}/asked"\nwhile IFS= read -r line; do printf '%s\\n' "$line"; done <<'END'\n${answer}\nEND\nexit ${status}\n`,
    );
    await chmod(path.join(bin, 'ssh'), 0o755);
    return {PATH: bin, HOME: '/somewhere', SSH_AUTH_SOCK: '/agent'};
  }

  it('T2: become options of their own, never words of a shell', () => {
    expect(sshArguments(makeHost())).toEqual([]);
    const host = makeHost({user: 'deploy', port: 2222, address: '10.0.0.1', identity: '/k e/y', config: '/c', knownHosts: '/known hosts'});
    expect(sshArguments(host)).toEqual([
      ...['-F', '/c', '-l', 'deploy', '-p', '2222', '-o', 'HostName=10.0.0.1', '-i', '/k e/y', '-o', 'IdentitiesOnly=yes'],
      ...['-o', 'UserKnownHostsFile="/known hosts"', '-o', 'GlobalKnownHostsFile=/dev/null'],
    ]);
  });

  it('come from OpenSSH where there is one', async () => {
    const env = await withSsh(
      [
        'hostname web1.internal',
        'port 2200',
        'user deploy',
        'identityfile ~/.ssh/a b',
        'identityfile /abs',
        'identitiesonly yes',
        'addressfamily inet',
        'userknownhostsfile "~/known hosts" /two',
        'globalknownhostsfile /etc/ssh/known',
        'hostkeyalias web',
      ].join('\n'),
    );
    expect(await resolveSsh(makeHost(), env, patiently)).toEqual({
      hostname: 'web1.internal',
      port: 2200,
      user: 'deploy',
      identityFiles: [path.join(userInfo().homedir, '.ssh/a b'), '/abs'],
      identitiesOnly: true,
      agent: '/agent',
      knownHostsFiles: [path.join(userInfo().homedir, 'known hosts'), '/two', '/etc/ssh/known'],
      hostKeyAlias: 'web',
      addressFamily: 'inet',
      algorithms: modernAlgorithms,
      needsOpenssh: undefined,
    });
  });

  it.each([
    ['proxyjump bastion', 'ProxyJump'],
    ['proxycommand nc %h %p', 'ProxyCommand'],
    ['certificatefile ~/.ssh/id-cert.pub', 'CertificateFile'],
    ['pkcs11provider /lib/x.so', 'PKCS11Provider'],
    ['knownhostscommand /bin/x', 'KnownHostsCommand'],
    ['revokedhostkeys /r', 'RevokedHostKeys'],
    ['bindaddress 10.0.0.9', 'BindAddress'],
    ['identityfile ~/.ssh/%h', 'a path with % tokens'],
    ['proxycommand none', undefined],
    ['proxyjump none', undefined],
    ['bindaddress none', undefined],
  ])('%s needs OpenSSH for %s', async (line, why) => {
    expect((await resolveSsh(makeHost(), await withSsh(line), patiently)).needsOpenssh).toBe(why);
  });

  it.each([
    ['identityagent none', undefined],
    ['identityagent ~/agent', path.join(userInfo().homedir, 'agent')],
    ['identityagent SSH_AUTH_SOCK', '/agent'],
    ['port 22', '/agent'],
  ])('%s means the agent %s', async (line, agent) => {
    expect((await resolveSsh(makeHost(), await withSsh(line), patiently)).agent).toBe(agent);
  });

  it('report an ssh_config that OpenSSH does not take', async () => {
    const env = await withSsh('');
    await writeFile(path.join(env.PATH ?? '', 'ssh'), '#!/bin/sh\necho "/c line 3: Bad configuration option: frobnicate" >&2\nexit 255\n');
    await expect(resolveSsh(makeHost(), env, patiently)).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining('Bad configuration option: frobnicate') as string,
    });
  });

  it('are the defaults of OpenSSH where there is none', async () => {
    const env = {PATH: folder, HOME: '/home/ana', USER: 'ana'};
    expect(await resolveSsh(makeHost(), env, patiently)).toMatchObject({
      hostname: 'web1',
      port: 22,
      user: 'ana',
      identityFiles: ['/home/ana/.ssh/id_ed25519', '/home/ana/.ssh/id_ecdsa', '/home/ana/.ssh/id_rsa'],
      agent: undefined,
      knownHostsFiles: ['/home/ana/.ssh/known_hosts', '/etc/ssh/ssh_known_hosts'],
      needsOpenssh: undefined,
    });
    const named = makeHost({user: 'deploy', port: 2222, address: '10.0.0.1', identity: '/key', knownHosts: '/known'});
    expect(await resolveSsh(named, env, patiently)).toMatchObject({
      hostname: '10.0.0.1',
      port: 2222,
      user: 'deploy',
      identityFiles: ['/key'],
      identitiesOnly: true,
      knownHostsFiles: ['/known'],
    });
  });

  it('are not waited for when told to stop', async () => {
    await expect(resolveSsh(makeHost(), await withSsh(''), AbortSignal.abort(new Error('stop')))).rejects.toThrow('stop');
  });
});

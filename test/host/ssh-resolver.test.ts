import {spawnSync} from 'node:child_process';
import {chmod, mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {askSsh, askUsual, type SshAnswer} from '../../src/lib/host/ssh-answer.js';
import {SshResolver} from '../../src/lib/host/ssh-resolver.js';
import {readAnswer} from '../../src/lib/host/ssh-settings.js';
import type {Host, SshSettings} from '../../src/lib/inventory/host.js';
import {makeHost, patiently} from './some-host.js';

const ssh = spawnSync('sh', ['-c', 'command -v ssh'], {encoding: 'utf8'}).stdout.trim();

const settings = [
  'User ana',
  'user=bob',
  'Port 2200',
  'HostName 10.0.0.9',
  'HostName web1.internal',
  'HostName Web1.internal',
  'HostName %h.internal',
  'HostName 127.1',
  'IdentityFile /keys/one',
  'IdentityFile ~/.ssh/%h',
  'IdentitiesOnly yes',
  'ProxyJump bastion',
  'ProxyJump none',
  'ProxyCommand nc %h %p',
  'ControlPath ~/.ssh/%r@%h:%p',
  'HostKeyAlias farm',
  'UserKnownHostsFile /a "/b c"',
  'AddressFamily inet',
  'IdentityAgent none',
  'KexAlgorithms curve25519-sha256',
  'Ciphers -chacha20-poly1305@openssh.com',
  'CanonicalizeHostname no',
  'Include INCLUDED',
];
const heads = [
  ...['Host *', 'Host web*', 'Host web1', 'Host web1 db1', 'Host db? !db1', 'Host !web2 *', 'Host *.eu', 'Host 10.0.0.*', 'Host = web2'],
  ...[
    'Host 10.0.0.9',
    'Host web1.internal',
    'Host Web*',
    'Host web1 # ours',
    'Host "web1"',
    'Match all',
    'Match final all',
    'Match host web1',
  ],
];
const block = fc
  .tuple(fc.constantFrom(...heads), fc.array(fc.constantFrom(...settings), {minLength: 1, maxLength: 3}))
  .map(([head, lines]) => `${head}\n${lines.map((line) => `  ${line}\n`).join('')}`);
const configText = fc
  .tuple(fc.array(fc.constantFrom(...settings), {maxLength: 2}), fc.array(block, {maxLength: 5}))
  .map(([top, blocks]) => `# generated\n${top.join('\n')}\n${blocks.join('\n')}`);

const names = ['web1', 'web2', 'db1', 'db2', 'a.eu', '10.0.0.1', 'WEB1', '127.1', '::1', '9a'];
const hostSettings: fc.Arbitrary<Partial<SshSettings>> = fc.constantFrom({}, {}, {}, {user: 'deploy'}, {port: 22}, {address: '10.0.0.7'});

describe.skipIf(ssh === '')('what ssh would do, asked once for many hosts', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'drover-resolver-'));
  });
  afterAll(() => rm(folder, {recursive: true, force: true}));

  async function writeConfig(text: string, included = ''): Promise<string> {
    const place = await mkdtemp(path.join(folder, 'config-'));
    await writeFile(path.join(place, 'empty'), '');
    await writeFile(path.join(place, 'included'), included.replaceAll('INCLUDED', path.join(place, 'empty')));
    await writeFile(path.join(place, 'config'), text.replaceAll('INCLUDED', path.join(place, 'included')));
    return path.join(place, 'config');
  }

  /** A PATH whose ssh writes down each time that it is started. */
  async function countedSsh(): Promise<{readonly env: NodeJS.ProcessEnv; started(): Promise<number>}> {
    const bin = await mkdtemp(path.join(folder, 'bin-'));
    await writeFile(path.join(bin, 'ssh'), `#!/bin/sh\necho >>${bin}/started\nexec ${ssh} "$@"\n`);
    await chmod(path.join(bin, 'ssh'), 0o755);
    return {
      env: {...process.env, PATH: `${bin}:${process.env.PATH}`},
      started: async () => (await readFile(path.join(bin, 'started'), 'utf8')).length,
    };
  }

  async function resolveAll(hosts: readonly Host[], env: NodeJS.ProcessEnv): Promise<unknown[]> {
    const resolver = new SshResolver(env);
    return Promise.all(hosts.map((host) => resolver.resolve(host, patiently).catch(String)));
  }

  it('is exactly what ssh says of each of them', async () => {
    const fleet = fc.uniqueArray(fc.tuple(fc.constantFrom(...names), hostSettings), {
      selector: ([name]) => name,
      minLength: 3,
      maxLength: 5,
    });
    const usual = (await askUsual(process.env, patiently)) as SshAnswer;
    await fc.assert(
      fc.asyncProperty(configText, configText, fleet, async (text, included, members) => {
        const config = await writeConfig(text, included);
        const hosts = members.map(([name, own]) => makeHost({config, ...own}, name));
        const said = await Promise.all(
          hosts.map(async (host) => {
            const answer = await askSsh(host, process.env, patiently);
            return readAnswer(host, answer as SshAnswer, {env: process.env, usual});
          }),
        );
        expect(await resolveAll(hosts, process.env)).toEqual(said);
      }),
      {numRuns: Number(process.env.RESOLVER_RUNS ?? 12)},
    );
  }, 1_800_000);

  it.each([
    ['nothing', '', 1],
    ['settings for all', 'User ana\nHost *\n  ControlPath ~/.ssh/%r@%h:%p\n  IdentityFile /keys/one\n', 1],
    ['settings for a kind of host', 'Host web-1*\n  User ana\nMatch final all\n  Port 2200\n', 2],
    ['an address for each host', [...Array(12).keys()].map((n) => `Host web-${n}\n  HostName 10.0.0.${n}\n`).join(''), 1],
    ['a key for each host', 'Host *\n  IdentityFile ~/.ssh/%h\n', 13],
    ['a program that decides', 'Match exec "test %h = web-1"\n  User ana\n', 13],
  ])('starts as few as can be where ssh_config has %s', async (_, text, processes) => {
    const config = await writeConfig(text);
    const {env, started} = await countedSsh();
    const resolved = await resolveAll(
      [...Array(12).keys()].map((n) => makeHost({config}, `web-${n}`)),
      env,
    );
    expect(resolved[7]).toMatchObject({hostname: text.includes('HostName') ? '10.0.0.7' : 'web-7'});
    expect(await started()).toBe(processes);
  });

  it('tells each host what ssh does not take, and asks again once it is mended', async () => {
    const config = await writeConfig('Frobnicate yes\n');
    const resolver = new SshResolver(process.env);
    const ask = (name: string) => resolver.resolve(makeHost({config}, name), patiently);
    await expect(Promise.all([ask('web1').catch(String), ask('web2').catch(String)])).resolves.toEqual([
      expect.stringContaining('ssh -G web1 failed') as string,
      expect.stringContaining('ssh -G web2 failed') as string,
    ]);
    await writeFile(config, 'User ana\n');
    expect(await ask('web1')).toMatchObject({user: 'ana'});
  });

  it('goes on for the others when the host that asked first is given up', async () => {
    const config = await writeConfig('User ana\n');
    const resolver = new SshResolver(process.env);
    const givenUp = new AbortController();
    const first = resolver.resolve(makeHost({config}, 'web1'), givenUp.signal);
    const second = resolver.resolve(makeHost({config}, 'web2'), patiently);
    givenUp.abort(new Error('stop'));
    await expect(first).rejects.toThrow('stop');
    expect(await second).toMatchObject({user: 'ana', hostname: 'web2'});
  });
});

import {existsSync} from 'node:fs';
import {chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import {findRunningKeyword} from '../../src/lib/cli/inventory-ssh-config.js';
import {type Ended, runDrover} from './drover.js';

const project = 'inventory: inventory.yml\napps: {site: {source: ., root: /srv/site, hosts: all, health: [{tcp: 80}]}}\n';
/** A port that nobody listens on: whatever gets as far as a connection fails there. */
const nowhere = 'address: 127.0.0.1, port: 1, link: openssh';

describe('a project that somebody else wrote', {timeout: 300_000}, () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'drover-cloned-'));
    await writeFile(path.join(dir, 'drover.yml'), project);
  });
  afterEach(() => rm(dir, {recursive: true, force: true}));

  const write = (name: string, text: string): Promise<void> => writeFile(path.join(dir, name), text);
  const drover = (...words: string[]): Promise<Ended> =>
    runDrover(words, {cwd: dir, env: {HOME: path.join(dir, 'home'), CI_TOKEN: 'S3CRET'}});
  const isPlanted = (): boolean => existsSync(path.join(dir, 'planted'));

  it('T15: runs its inventory program only once a person trusted this very content, and tells it no token', async () => {
    await write('drover.yml', project.replace('inventory.yml', './inventory'));
    const program = `#!/bin/sh\nenv >${dir}/planted\necho '{"hosts": {"web1": {"address": "127.0.0.1", "port": 1}}}'\n`;
    await write('inventory', program);
    await chmod(path.join(dir, 'inventory'), 0o755);
    for (const words of [['health', '--all'], ['hosts']]) {
      const ended = await drover(...words);
      expect([ended.status, ended.stderr]).toEqual([
        4,
        `error[refused]: inventory program ${dir}/inventory is not trusted yet; read it, then pass --trust-inventory once\n`,
      ]);
    }
    expect(isPlanted()).toBe(false);
    expect((await drover('hosts', '--fold', '--trust-inventory')).stdout).toBe('web1\n');
    expect(await readFile(path.join(dir, 'planted'), 'utf8')).not.toMatch(/S3CRET|CI_TOKEN/);
    await write('inventory', `${program}# changed\n`);
    expect((await drover('hosts')).stderr).toContain('/inventory changed since it was trusted');
  });

  it('T16: runs nothing by an ssh_config of its own, unless a person trusted it', async () => {
    await write('inventory.yml', `hosts: {web1: {${nowhere}, config: ssh_config}}\n`);
    const touch = `touch ${dir}/planted`;
    await write('ssh_config', `Host *\n  User deploy\nMatch exec "${touch}"\n  ProxyCommand ${touch}\n`);
    const ended = await drover('health', '--all');
    expect([ended.status, ended.stderr]).toEqual([
      4,
      `error[refused]: ssh_config ${dir}/ssh_config of the inventory, which has Match exec, is not trusted yet; read it, then pass --trust-inventory once\n`,
    ]);
    expect(isPlanted()).toBe(false);
    expect((await drover('hosts', '--trust-inventory')).status).toBe(0);
    expect((await drover('hosts')).status).toBe(0);
    await mkdir(path.join(dir, 'home', '.ssh'), {recursive: true});
    await write('home/.ssh/config', `ProxyCommand ${touch}\n`);
    await write('inventory.yml', `hosts: {web1: {${nowhere}, config: ~/.ssh/config}}\n`);
    expect((await drover('hosts')).status, 'that of the operator is theirs').toBe(0);
  });

  it('T15 T36: cannot make this machine a host on which its probes run, unless a person trusted both files', async () => {
    await mkdir(path.join(dir, 'site', 'releases', 'a'), {recursive: true});
    await symlink('releases/a', path.join(dir, 'site', 'current'));
    const probe = project.replace('{tcp: 80}', `{run: "touch ${dir}/planted"}`).replace('/srv/site', `${dir}/site`);
    await write('drover.yml', probe);
    await write('inventory.yml', 'hosts: {web1: {}, web2: {}}\nssh: {link: local}\n');
    const refusal = (kind: string, why: string): unknown[] => [
      4,
      `error[refused]: ${kind}, which runs on this machine by the link of host web1, ${why}; read it, then pass --trust-inventory once\n`,
    ];
    const health = async (...words: string[]): Promise<unknown[]> => {
      const {status, stderr} = await drover('health', '--all', ...words);
      return [status, stderr];
    };
    expect(await health()).toEqual(refusal(`inventory ${dir}/inventory.yml`, 'is not trusted yet'));
    expect((await drover('run', '-i', 'inventory.yml', '--all', '--trust-inventory', '--', 'true')).status).toBe(0);
    expect(await health()).toEqual(refusal(`project ${dir}/drover.yml`, 'is not trusted yet'));
    expect(isPlanted()).toBe(false);
    await health('--trust-inventory');
    expect(isPlanted()).toBe(true);
    await write('drover.yml', `${probe}# changed\n`);
    expect(await health()).toEqual(refusal(`project ${dir}/drover.yml`, 'changed since it was trusted'));
  });

  it('T1 T16 T36: cannot name options of ssh, other files or addresses to ask from here, and nothing is run', async () => {
    const touch = `touch ${dir}/planted`;
    const hosts = [
      `"-oProxyCommand=${touch}": {}`,
      `"$(${touch})": {}`,
      `"web1\\n-oProxyCommand=${touch}": {}`,
      `web2: {address: "-oProxyCommand=${touch}"}`,
      `web3: {user: "-oProxyCommand=${touch}"}`,
      `web4: {identity: "%d/$(${touch})"}`,
      `web5: {proxy_command: ${touch}}`,
    ];
    await write(
      'inventory.yml',
      `hosts:\n  ${hosts.join('\n  ')}\nssh:\n  options: [ProxyCommand=${touch}]\nextends: https://example.com/x.yml\n`,
    );
    await write('probes.yml', project.replace('{tcp: 80}', '{http: "http://169.254.169.254/latest"}, {http: //169.254.169.254/x}'));
    await write('good.yml', 'hosts: {web1: {}}\n');
    const [named, asked, flag] = await Promise.all([
      drover('health', '--all'),
      drover('health', '--all', '-c', 'probes.yml'),
      drover('run', '--hosts', `-oProxyCommand=${touch}`, '-i', 'good.yml', '--', 'true'),
    ]);
    expect([named.status, asked.status, flag.status]).toEqual([3, 3, 2]);
    const lines = (text: string): string[] => [...text.matchAll(/\.yml:(\d+):\d+/g)].map((match) => match[1] ?? '');
    expect(lines(named.stderr), named.stderr).toEqual(['2', '3', '4', '5', '6', '7', '8', '10', '11']);
    expect(lines(asked.stderr), asked.stderr).toHaveLength(2);
    expect(isPlanted()).toBe(false);
    expect(await readdir(dir)).not.toContain('home');
  });
});

describe('findRunningKeyword()', () => {
  it.each([
    ['Host *\n  HostName=10.0.0.1\n  ProxyJump me@bastion:22,other\nMatch host web* user ana\nIdentityFile ~/.ssh/x', undefined],
    ['  proxycommand=x', 'proxycommand'],
    ['"ProxyCommand" x', 'ProxyCommand'],
    ['Host a\rProxyCommand x', 'ProxyCommand'],
    ['ProxyJump $(x)@b', 'ProxyJump'],
    [`HostName "x'$(id)'"`, 'HostName'],
    ['hostname=%h.example.com', undefined],
    ['Match host a EXEC="x"', 'Match exec'],
    ['Include more', 'Include'],
    ['SendEnv *', 'SendEnv'],
    ['PKCS11Provider /x.so', 'PKCS11Provider'],
  ])('T16: %j has %s', (text, keyword) => {
    expect(findRunningKeyword(text)).toBe(keyword);
  });
});

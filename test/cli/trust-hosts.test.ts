import {mkdir, mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {type AddressInfo, connect, createServer} from 'node:net';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {findFreePort, type Sshd, sshdMissing, startSshd} from '../host/sshd.js';
import {type Ended, runDrover} from './drover.js';

describe.skipIf(sshdMissing !== undefined)('drover hosts trust', {timeout: 300_000}, () => {
  let dir: string;
  let one: Sshd;
  let two: Sshd;
  const known = (): Promise<string> => readFile(path.join(dir, 'known_hosts'), 'utf8').catch(() => '');
  const drover = (...words: string[]): Promise<Ended> => runDrover(words, {cwd: dir});
  const writeInventory = (more = ''): Promise<void> => {
    const reach = ({port, user, identity}: Sshd): string => `{port: ${port}, address: 127.0.0.1, user: ${user}, identity: ${identity}}`;
    const hosts = [`  web1: ${reach(one)}`, `  web2: ${reach(two)}`, more];
    return writeFile(path.join(dir, 'inventory.yml'), `hosts:\n${hosts.join('\n')}\nssh: {known_hosts: known_hosts, config: none}\n`);
  };
  beforeAll(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'drover-trust-'));
    await writeFile(path.join(dir, 'none'), '');
    [one, two] = await Promise.all([startSshd(), startSshd({keyTypes: ['ecdsa', 'rsa']})]);
    await writeInventory();
  });
  afterAll(async () => {
    await Promise.all([one?.stop(), two?.stop()]);
    await rm(dir, {recursive: true, force: true});
  });

  it('shows the fingerprints and writes nothing unless somebody says so', async () => {
    const refused = await drover('hosts', 'trust', '-i', 'inventory.yml', '--all');
    expect(refused.status).toBe(4);
    expect(refused.stderr).toContain('refusing to continue without a terminal; pass --yes');
    for (const fingerprint of [one.fingerprint('ed25519'), two.fingerprint('ecdsa')]) expect(refused.stderr).toContain(fingerprint);
    expect(await known()).toBe('');
  });

  it('writes new keys once, and then the hosts are reached', async () => {
    expect((await drover('run', '-i', 'inventory.yml', '--all', '--', 'true')).status).toBe(6);
    const trusted = await drover('hosts', 'trust', '-i', 'inventory.yml', '--all', '--yes');
    expect(trusted).toMatchObject({status: 0, stderr: ''});
    expect(trusted.stdout).toMatch(/wrote 2 keys to known_hosts\n$/);
    const written = await known();
    expect(written.split('\n').filter((line) => line !== '')).toHaveLength(2);
    const reached = await drover('run', '-i', 'inventory.yml', '--all', '--', 'echo in');
    expect(reached).toMatchObject({status: 0, stdout: '--- web[1-2] (2)\nin\n'});
    const again = await drover('hosts', 'trust', '-i', 'inventory.yml', '--all', '--json');
    expect(JSON.parse(again.stdout)).toMatchObject({written: false, keys: [{verdict: 'known'}, {verdict: 'known'}]});
    expect(again.status).toBe(0);
    expect(await known()).toBe(written);
  });

  it('B12 asks no more hosts at a time than an sshd takes by default', async () => {
    let open = 0;
    let most = 0;
    const door = createServer((socket) => {
      open += 1;
      most = Math.max(most, open);
      socket.on('error', () => undefined).on('close', () => (open -= 1));
      const far = connect(one.port, '127.0.0.1').on('error', () => socket.destroy());
      // As slow as a server far away: those that are let in together meet here.
      setTimeout(() => socket.pipe(far).pipe(socket), 1500);
    });
    await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve));
    try {
      const {port} = door.address() as AddressInfo;
      await writeFile(path.join(dir, 'many.yml'), `hosts:\n  web[1-24]: {port: ${port}}\nssh: {config: many}\n`);
      await writeFile(path.join(dir, 'many'), 'Host web*\n  HostName 127.0.0.1\n');
      const {status, stdout} = await drover(
        'hosts',
        'trust',
        '-i',
        'many.yml',
        '--all',
        '--yes',
        '--concurrency',
        '24',
        '--file',
        'many-known',
      );
      expect(stdout).toMatch(/wrote 24 keys to many-known\n/);
      expect(status).toBe(0);
      expect(most).toBeGreaterThan(1);
      expect(most).toBeLessThanOrEqual(8);
    } finally {
      door.close();
    }
  });

  it('B15 never writes a key in the place of another, and names hosts that show none', async () => {
    const right = await known();
    const [, type, key = ''] = (one.hostKeys[0] ?? '').split(/^(\S+) /);
    const other = `${key.slice(0, -12)}AAAAAAAAAAAA`;
    await writeFile(path.join(dir, 'known_hosts'), right.replace(key, other));
    await writeInventory(`  gone1: {port: ${await findFreePort()}, address: 127.0.0.1}`);
    const {status, stdout} = await drover('hosts', 'trust', '-i', 'inventory.yml', '--all', '--yes');
    expect(status).toBe(6);
    expect(type).toBe('ssh-ed25519');
    expect(stdout).toContain(`web1: the host key has CHANGED: it shows ${one.fingerprint('ed25519')}, known is SHA256:`);
    expect(stdout).toMatch(/known_hosts:\d\); find out why before you connect/);
    expect(stdout).toContain('no key: gone1: ');
    expect(await known()).toBe(right.replace(key, other));
  });

  it('B15 asks for the kinds of key that are known or pinned: a key of another kind is no new one', async () => {
    const [ours = ''] = one.hostKeys;
    const [ecdsa = '', rsa = ''] = two.hostKeys;
    const reach = ({port, user, identity}: Sshd, more = ''): string =>
      `{port: ${port}, address: 127.0.0.1, user: ${user}, identity: ${identity}${more}}`;
    const pin = (fingerprint: string): string => `, fingerprint: "${fingerprint}"`;
    await writeFile(
      path.join(dir, 'kinds.yml'),
      `hosts:
  other1: ${reach(one)}
  pinned1: ${reach(two, pin(two.fingerprint('rsa')))}
  pinned2: ${reach(two, pin(one.fingerprint('ed25519')))}
  same1: ${reach(two)}
ssh: {known_hosts: kinds, config: none}
`,
    );
    // Of each host an RSA key is known: the first has none, the others have it beside an ECDSA key that ssh would ask for first.
    const before = `[127.0.0.1]:${one.port} ${rsa}\n[127.0.0.1]:${two.port} ${rsa}\n`;
    await writeFile(path.join(dir, 'kinds'), before);
    const folder = path.join(dir, 'a b%h');
    await mkdir(folder);
    const ended = await runDrover(['hosts', 'trust', '-i', 'kinds.yml', '--all', '--yes', '--json'], {cwd: dir, env: {TMPDIR: folder}});
    const {keys, written, silent} = JSON.parse(ended.stdout);
    const shown = (line: string): object => ({type: line.split(' ')[0], key: line.split(' ')[1]});
    expect({written, silent, status: ended.status}).toEqual({written: false, silent: [], status: 6});
    expect(keys).toMatchObject([
      {host: 'other1', verdict: 'changed', ...shown(ours), known: [expect.stringMatching(/kinds:1\)$/)]},
      {host: 'pinned1', verdict: 'known', ...shown(rsa)},
      {host: 'pinned2', verdict: 'changed', ...shown(ecdsa), known: [`${one.fingerprint('ed25519')} (inventory)`]},
      {host: 'same1', verdict: 'known', ...shown(rsa)},
    ]);
    expect(await readFile(path.join(dir, 'kinds'), 'utf8')).toBe(before);
  });

  it('B19 asks nothing at a terminal, and says where the way to a host ended', async () => {
    const gone = await findFreePort();
    await writeFile(
      path.join(dir, 'ways'),
      `Host web1
  ProxyCommand sh -c 'echo $PPID $(cut -d" " -f6 /proc/$PPID/stat) >${dir}/session; exit 1'
Host web2
  ProxyJump bastion
Host bastion
  HostName 127.0.0.1
  Port ${gone}
`,
    );
    await writeFile(path.join(dir, 'ways.yml'), 'hosts: {web1: {}, web2: {}}\nssh: {known_hosts: known_hosts, config: ways}\n');
    const {status, stdout} = await drover('hosts', 'trust', '-i', 'ways.yml', '--all', '--yes', '--trust-inventory');
    expect(status).toBe(6);
    expect(stdout).toContain(`no key: web2: ssh: connect to host 127.0.0.1 port ${gone}: Connection refused`);
    // ssh leads a session of its own, so neither it nor the ssh that it starts for a jump host has a terminal to ask at.
    const [ssh, session] = (await readFile(path.join(dir, 'session'), 'utf8')).trim().split(' ');
    expect(session).toBe(ssh);
  });
});

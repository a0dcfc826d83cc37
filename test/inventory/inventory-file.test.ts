import {describe, expect, it} from 'vitest';
import {DroverError} from '../../src/lib/errors/drover-error.js';
import {loadInventory} from '../../src/lib/inventory/inventory-file.js';
import {useTempFolder} from './temp-folder.js';

const folder = useTempFolder();
const {signal} = new AbortController();
const key = '-----BEGIN OPENSSH PRIVATE KEY-----\n';

describe('loadInventory()', () => {
  it('gives the hosts of the design, in the order of the file', async () => {
    const file = await folder.write(
      'inventory.yml',
      `hosts:
  web[01-12].eu.example.com: {silo: eu, role: web}
  web[01-12].us.example.com: {silo: us, role: web}
  lb[1-2].eu.example.com:    {silo: eu, role: balancer}
ssh: {user: deploy}          # the rest comes from ~/.ssh/config
`,
    );
    const {hosts} = await loadInventory(file, {signal});
    expect(hosts).toHaveLength(26);
    expect(hosts[0]).toEqual({
      name: 'web01.eu.example.com',
      silo: 'eu',
      roles: ['web'],
      ssh: {user: 'deploy', link: 'auto', connectTimeoutMs: 10_000},
    });
    expect(hosts.map(({name}) => name).slice(11, 13)).toEqual(['web12.eu.example.com', 'web01.us.example.com']);
    expect(hosts.at(-1)).toMatchObject({name: 'lb2.eu.example.com', silo: 'eu', roles: ['balancer']});
  });

  it('fills in the silo and the role, and lets a host override the settings for all', async () => {
    const fingerprint = `SHA256:${'b'.repeat(43)}`;
    await folder.write('key', key, 0o600);
    const file = await folder.write(
      'settings.yml',
      `hosts:
  10: {}
  9: {port: 2222, address: 127.0.0.1, link: local, connect_timeout: 500ms, role: [web, worker, web], fingerprint: "${fingerprint}"}
  web1:
ssh: {user: deploy, port: 22, identity: key, known_hosts: ~/known, config: /etc/ssh_config, link: ssh}
`,
    );
    const {hosts, file: name} = await loadInventory(file, {signal, home: '/home/ana'});
    const shared = {user: 'deploy', identity: folder.at('key'), knownHosts: '/home/ana/known', config: '/etc/ssh_config'};
    expect(name).toBe(file);
    expect(hosts).toEqual([
      {name: '10', silo: 'default', roles: ['web'], ssh: {...shared, port: 22, link: 'ssh', connectTimeoutMs: 10_000}},
      {
        name: '9',
        silo: 'default',
        roles: ['web', 'worker'],
        ssh: {...shared, port: 2222, address: '127.0.0.1', fingerprint, link: 'local', connectTimeoutMs: 500},
      },
      {name: 'web1', silo: 'default', roles: ['web'], ssh: {...shared, port: 22, link: 'ssh', connectTimeoutMs: 10_000}},
    ]);
  });

  it('T27: may require the client of the system for all hosts that are not this machine', async () => {
    const file = await folder.write('require.yml', 'hosts: {web1: {}, web2: {link: auto}, web3: {link: local}}\nssh: {require: openssh}\n');
    const {hosts} = await loadInventory(file, {signal});
    expect(hosts.map(({ssh}) => ssh.link)).toEqual(['openssh', 'openssh', 'local']);
  });

  it('reads CRLF, JSON and YAML alike (XI10)', async () => {
    const unix = await folder.write('unix.yml', 'hosts:\n  web1:\n    silo: no\n    role: on\n');
    const windows = await folder.write('windows.yml', 'hosts:\r\n  web1:\r\n    silo: no\r\n    role: on\r\n');
    const json = await folder.write('same.json', '{\n\t"hosts": {"web1": {"silo": "no", "role": "on"}}\n}\n');
    const [first, ...others] = await Promise.all([unix, windows, json].map((file) => loadInventory(file, {signal})));
    expect(first?.hosts).toMatchObject([{name: 'web1', silo: 'no', roles: ['on']}]);
    expect(others.map(({hosts}) => hosts)).toEqual([first?.hosts, first?.hosts]);
  });

  it.each([
    ['absent', undefined, 0o600, 'identity absent does not exist (absent.yml:2:19); correct the path, or remove it to use ~/.ssh/config'],
    ['key.pub', 'ssh-ed25519 AAAA ana\n', 0o600, 'identity key.pub is a public key (key.pub.yml:2:19); give the private key path'],
    ['open', key, 0o644, 'identity open can be read by others, and ssh refuses it (open.yml:2:19); chmod 600 open'],
  ])('XI19: refuses the identity %s', async (name, content, mode, line) => {
    if (content !== undefined) await folder.write(name, content, mode);
    const file = await folder.write(`${name}.yml`, `hosts:\n web1: {identity: ${name}}\n`);
    expect(await folder.linesOf(loadInventory(file, {signal}))).toEqual([`error[invalid-file]: ${line}`]);
  });

  it('loads ten thousand hosts', async () => {
    const file = await folder.write(
      'fleet.yml',
      Array.from({length: 10_000}, (_, index) => `  web${index}: {silo: eu}\n`)
        .join('')
        .replace(/^/, 'hosts:\n'),
    );
    expect((await loadInventory(file, {signal})).hosts).toHaveLength(10_000);
  });

  it('ends with the reason of the signal', async () => {
    const file = await folder.write('late.yml', 'hosts: {web1: {}}\n');
    await expect(loadInventory(file, {signal: AbortSignal.abort(new Error('enough'))})).rejects.toThrow('enough');
  });
});

describe('an inventory program', () => {
  const program = '#!/bin/sh\necho never run by this room\n';
  const printing = (output: string) => ({signal, run: async () => output});

  it('is run by the caller, and what it prints is the inventory', async () => {
    const file = await folder.write('inventory', program, 0o755);
    const ran: string[] = [];
    const run = async (path: string): Promise<string> => {
      ran.push(path);
      return '{"hosts": {"web[1-2]": {"silo": "eu"}}}';
    };
    const {hosts} = await loadInventory(file, {signal, run});
    expect(ran).toEqual([file]);
    expect(hosts.map(({name, silo}) => `${silo}/${name}`)).toEqual(['eu/web1', 'eu/web2']);
  });

  it('may be larger than a file may be, and need not be text', async () => {
    const file = await folder.write('binary', Buffer.alloc(9 * 1024 * 1024, 0xff), 0o755);
    expect((await loadInventory(file, printing('{"hosts": {"web1": {}}}'))).hosts).toHaveLength(1);
  });

  it.each([
    ['<html>log in</html>', 'not JSON: expected a value, got "<" (output of inv.sh:1:1)'],
    ['', 'inventory output of inv.sh is empty; it needs at least one host'],
    ['{"hosts": {"web1": {},\n"web1": {}}}', 'duplicate key "web1", first at 1:12 (output of inv.sh:2:1); rename one'],
    ['{"hosts": {"web1": {"port": "22"}}}', 'port must be 1..65535, got "22" (output of inv.sh:1:29)'],
  ])('XI20: that prints %j is refused', async (output, line) => {
    const file = await folder.write('inv.sh', program, 0o755);
    expect(await folder.linesOf(loadInventory(file, printing(output)))).toEqual([`error[invalid-file]: ${line}`]);
  });

  it('XI20: that fails is refused in the words of who ran it', async () => {
    const file = await folder.write('failing.sh', program, 0o755);
    const run = async (): Promise<string> => {
      throw new DroverError({
        code: 'invalid-file',
        message: 'inventory program failing.sh exited 1: "token expired"',
        fix: 'fix it or use a file',
      });
    };
    expect(await folder.linesOf(loadInventory(file, {signal, run}))).toEqual([
      'error[invalid-file]: inventory program failing.sh exited 1: "token expired"; fix it or use a file',
    ]);
  });

  it('XI21: must be executable, with a first line that names a program', async () => {
    const plain = await folder.write('plain.sh', program, 0o644);
    const windows = await folder.write('windows.sh', '#!/bin/sh\r\necho\r\n', 0o755);
    const lines = await Promise.all([plain, windows].map((file) => folder.linesOf(loadInventory(file, printing('{}')))));
    expect(lines.flat()).toEqual([
      'error[invalid-file]: inventory plain.sh is not executable; chmod +x plain.sh',
      'error[invalid-file]: inventory windows.sh has Windows line ends, so its first line names no program; save it with Unix line ends',
    ]);
  });

  it('is not run where the caller brings no way to run it', async () => {
    const file = await folder.write('unrun.sh', program, 0o755);
    expect(await folder.linesOf(loadInventory(file, {signal}))).toEqual([
      'error[invalid-file]: inventory unrun.sh is a program, and this command runs none; use a file',
    ]);
  });

  it('is data when it is named like data, whatever its mode', async () => {
    const file = await folder.write('mounted.yml', 'hosts: {web1: {}}\n', 0o777);
    expect((await loadInventory(file, {signal})).hosts).toHaveLength(1);
  });
});

import {chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {type Sshd, sshdMissing, startSshd} from '../host/sshd.js';
import {startProxy, type TcpProxy} from '../host/tcp-proxy.js';
import {type Ended, runDrover} from './drover.js';

/** Compressible by nothing on the way, and larger than all buffers together. */
function fill(bytes: number): Buffer {
  const content = Buffer.alloc(bytes);
  for (let at = 0; at < bytes; at += 4) content.writeUInt32LE((at * 2_654_435_761) >>> 0, at);
  return content;
}

describe.skipIf(sshdMissing !== undefined)('drover copy', {timeout: 300_000}, () => {
  let dir: string;
  let sshd: Sshd;
  let proxy: TcpProxy;
  const at = (...names: string[]): string => path.join(dir, ...names);
  const drover = (...words: string[]): Promise<Ended> =>
    runDrover(['copy', '-i', 'inventory.yml', '--trust-inventory', ...words], {cwd: dir});
  beforeAll(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'drover-copy-'));
    sshd = await startSshd();
    proxy = await startProxy(sshd.port);
    await writeFile(at('known'), [sshd.port, proxy.port].map((port) => `[127.0.0.1]:${port} ${sshd.hostKeys[0]}\n`).join(''));
    const reach = (port: number, link: string): string =>
      `{port: ${port}, address: 127.0.0.1, user: ${sshd.user}, identity: ${sshd.identity}, link: ${link}}`;
    await writeFile(at('none'), '');
    await writeFile(
      at('inventory.yml'),
      `hosts:
  web1: ${reach(proxy.port, 'ssh')}
  web2: ${reach(sshd.port, 'openssh')}
  web3: {link: local}
ssh: {config: none, known_hosts: known}
`,
    );
    await mkdir(at('tree', 'sub'), {recursive: true});
    await mkdir(at('hosts'));
    await writeFile(at('tree', 'large'), fill(3_000_000));
    await writeFile(at('tree', 'sub', 'tool'), '#!/bin/sh\n');
    await chmod(at('tree', 'sub', 'tool'), 0o755);
    await symlink('sub/tool', at('tree', 'link'));
  });
  afterAll(async () => {
    await proxy?.close();
    await sshd?.stop();
    await rm(dir, {recursive: true, force: true});
  });

  it('brings a tree through a cut link, and back from every host, byte for byte', async () => {
    proxy.cutAfter(1_000_000);
    const there = await drover('tree', `web1:${at('hosts')}/`, '--json');
    expect([there.status, there.stderr]).toEqual([0, expect.stringMatching(/web1 copy retry 1\/5 in .*the connection was lost/)]);
    expect(await readdir(at('hosts'))).toEqual(['tree']);
    expect((await readFile(at('hosts', 'tree', 'large'))).equals(await readFile(at('tree', 'large')))).toBe(true);
    const back = await drover(`:${at('hosts', 'tree')}`, 'got', '--hosts', 'web[1-2]');
    expect([back.status, back.stdout]).toEqual([0, expect.stringContaining('done        web[1-2]')]);
    for (const host of ['web1', 'web2']) {
      expect(await readdir(at('got', host))).toEqual(['tree']);
      expect((await readFile(at('got', host, 'tree', 'large'))).equals(await readFile(at('tree', 'large')))).toBe(true);
      expect((await stat(at('got', host, 'tree', 'link'))).mode & 0o7777).toBe(0o755);
    }
  });

  it('asks only what it would do in a dry run, and names the command for the rest', async () => {
    await writeFile(at('motd'), 'hello\n');
    const target = at('hosts', 'motd');
    const dry = await drover('motd', `web3:${target}`, '--dry-run');
    expect([dry.status, dry.stdout]).toEqual([0, expect.stringContaining(`web3: copy-put path=${target} kind=file\n`)]);
    expect(await readdir(at('hosts'))).toEqual(['tree']);
    await mkdir(at('some'));
    await symlink(at('hosts'), at('some', 'web2'));
    const some = await drover(`:${at('tree', 'sub', 'tool')}`, 'some', '--hosts', 'web[2-3]');
    expect([some.status, some.stderr]).toEqual([8, expect.stringContaining('some/web2 is a link; remove it, or name another folder')]);
    expect(some.stderr).toMatch(/next: drover copy :\S+ some --hosts-from \S+:failed -i inventory.yml\n/);
    expect(await readFile(at('some', 'web3', 'tool'), 'utf8')).toBe('#!/bin/sh\n');
  });
});

import {readFile, rm, stat} from 'node:fs/promises';
import http from 'node:http';
import path from 'node:path';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {loadInventory} from '../../src/lib/inventory/inventory-file.js';
import {loadProject} from '../../src/lib/inventory/project-file.js';
import {type Lab, startLab} from '../../src/lib/lab/lab.js';
import {listAddressPlans, listen} from '../../src/lib/lab/lab-network.js';
import {startTraffic} from '../../src/lib/lab/lab-traffic.js';
import {connect, findHost, makeFolder, openPracticeFleet, placeRelease, waitUntil} from './practice-fleet.js';

const signal = AbortSignal.timeout(60_000);

describe('startLab()', () => {
  let lab: Lab;
  let end: () => Promise<void>;
  beforeAll(async () => {
    ({lab, end} = await openPracticeFleet());
  });
  afterAll(() => end());

  it('gives six web hosts in two silos and a balancer', () => {
    expect(lab.hosts.map(({name, silo, role}) => `${name} ${silo} ${role}`)).toEqual([
      ...['web1 eu web', 'web2 eu web', 'web3 eu web', 'web4 us web', 'web5 us web', 'web6 us web', 'lb1 edge balancer'],
    ]);
  });

  it('writes an inventory that drover accepts and that leads to the hosts', async () => {
    const inventory = await loadInventory(lab.inventoryPath, {signal});
    expect(inventory.hosts.map(({name, silo, ssh}) => `${name} ${silo} ${ssh.user}@${ssh.address}:${ssh.port}`)).toEqual(
      lab.hosts.map(({name, silo, ssh}) => `${name} ${silo} deploy@${ssh.address}:${ssh.port}`),
    );
    const [host] = inventory.hosts;
    expect(host?.ssh.identity).toBe(path.join(lab.dir, 'ssh', 'id_ed25519'));
    expect(host?.ssh.knownHosts).toBe(path.join(lab.dir, 'ssh', 'known_hosts'));
    expect(await readFile(host?.ssh.config ?? '', 'utf8')).toMatch(/^#.*\n$/);
  });

  it('writes a project that drover accepts and whose source exists', async () => {
    const project = await loadProject(lab.projectPath, {signal});
    const [site] = [...project.apps.values()];
    expect(site).toMatchObject({
      name: 'site',
      root: '~/site',
      hosts: 'role:web',
      drain: {kind: 'haproxy', socket: '/run/haproxy/admin.sock', backends: ['web'], waitMs: 5000},
    });
    expect(site?.roll).toMatchObject({soakMs: 0, budget: 1, floor: {kind: 'percent', percent: 50}});
    expect(site?.health).toMatchObject([{kind: 'http', path: '/healthz', version: 'x-release', timeoutMs: 1000, intervalMs: 100, rise: 2}]);
    const [part] = site?.source.parts ?? [];
    const folder = part?.kind === 'directory' ? part.path : '';
    expect((await stat(path.join(folder, 'sitemap.xml'))).isFile()).toBe(true);
  });

  it('keeps the private key to its owner', async () => {
    expect((await stat(path.join(lab.dir, 'ssh', 'id_ed25519'))).mode & 0o777).toBe(0o600);
  });

  it('refuses a second lab in the same folder', async () => {
    await expect(startLab({dir: lab.dir, signal})).rejects.toMatchObject({code: 'refused', message: `a lab runs already in ${lab.dir}`});
  });

  it('leaves room for another lab beside it', async () => {
    const other = await openPracticeFleet({hosts: 1, silos: ['eu']});
    const endpoints = [...lab.hosts, ...other.lab.hosts].flatMap(({ssh, web}) => [ssh, web]).map(({address, port}) => `${address}:${port}`);
    await other.end();
    expect(new Set(endpoints).size).toBe(endpoints.length);
  });

  it('cuts a host off and brings it back with its release', async () => {
    const host = findHost(lab, 'web3');
    await placeRelease(host, 'r1');
    const ask = () => fetch(`http://${host.web.address}:${host.web.port}/healthz`).then((answer) => answer.text());
    await host.unplug();
    await expect(ask()).rejects.toThrow('fetch failed');
    await expect(connect(lab, host)).rejects.toMatchObject({code: 'ECONNREFUSED'});
    await host.plug();
    expect(await ask()).toBe('r1\n');
  });

  it('serves visitors through the balancer once a host has a release', async () => {
    await placeRelease(findHost(lab, 'web1'), 'r1');
    const host = findHost(lab, 'web1');
    await host.unplug();
    await host.plug();
    const answer = await waitUntil(
      () => fetch(lab.balancerUrl),
      ({status}) => status === 200,
    );
    expect(answer.headers.get('x-release')).toBe('r1');
  });
});

describe('a release rolled by hand through the lab', () => {
  it('fails no visitor', async () => {
    const {lab, end} = await openPracticeFleet({hosts: 3, silos: ['eu']});
    const balancer = await connect(lab, findHost(lab, 'lb1'));
    const ask = async (command: string) => {
      const stream = await balancer.forwardOutStreamLocal('/run/haproxy/admin.sock');
      stream.end(`${command}\n`);
      return Buffer.concat(await stream.toArray()).toString();
    };
    const roll = async (name: string, release: string) => {
      await ask(`set server web/${name} state drain`);
      await waitUntil(
        () => ask('show stat web 4 -1'),
        (answer) => answer.includes(`web,${name},0,0,0,`),
      );
      await placeRelease(findHost(lab, name), release);
      const ssh = await connect(lab, findHost(lab, name));
      expect(await ssh.execCommand('exec "$HOME/bin/restart-site"')).toMatchObject({code: 0});
      ssh.dispose();
      await ask(`set server web/${name} state ready`);
      await waitUntil(
        () => ask(`show servers state web`),
        (answer) => new RegExp(` ${name} \\S+ 2 0 .* 15 3 2 6 `).test(answer),
      );
    };
    for (const name of ['web1', 'web2', 'web3']) await roll(name, 'r1');
    const traffic = startTraffic({url: lab.balancerUrl, paths: ['/', '/css/site.css', '/news/0007.html'], ratePerSecond: 200, signal});
    for (const name of ['web1', 'web2', 'web3']) await roll(name, 'r2');
    const sofar = traffic.now().byRelease.r2 ?? 0;
    await waitUntil(
      async () => traffic.now().byRelease.r2 ?? 0,
      (count) => count > sofar + 20,
    );
    const report = await traffic.stop();
    balancer.dispose();
    await end();
    expect(report.failures).toEqual([]);
    expect(Object.keys(report.byRelease).sort()).toEqual(['r1', 'r2']);
  });
});

describe('the addresses of a lab', () => {
  const shape = {hosts: 2, signal};

  it('move to the next plan when a port of the first is taken', async () => {
    const dir = await makeFolder();
    const taken = http.createServer();
    const endpoint = await listen(taken, {address: '127.0.0.1', port: 0});
    const [first, ...rest] = listAddressPlans();
    if (first === undefined) throw new Error('no plans');
    const lab = await startLab({dir, ...shape, plans: [{...first, web: () => endpoint}, ...rest.slice(-1)]});
    await lab.stop();
    await new Promise((resolve) => taken.close(resolve));
    await rm(dir, {recursive: true});
    expect(lab.hosts.map(({ssh}) => ssh.address)).toEqual(['127.0.0.1', '127.0.0.1', '127.0.0.1']);
  });

  it('can be 127.0.0.1 for all, each host with its own 8080 behind SSH', async () => {
    const dir = await makeFolder();
    const lab = await startLab({dir, ...shape, plans: listAddressPlans().slice(-1)});
    expect(new Set(lab.hosts.flatMap(({ssh, web}) => [ssh.port, web.port])).size).toBe(6);
    const seen: string[] = [];
    for (const name of ['web1', 'web2']) {
      const ssh = await connect(lab, findHost(lab, name));
      const channel = await ssh.forwardOut('127.0.0.1', 0, '127.0.0.1', 8080);
      channel.write('GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
      seen.push(/x-host: (\w+)/.exec(Buffer.concat(await channel.toArray()).toString())?.[1] ?? 'none');
      ssh.dispose();
    }
    await lab.stop();
    await rm(dir, {recursive: true});
    expect(seen).toEqual(['web1', 'web2']);
  });

  it('are refused when no plan fits, and nothing stays behind', async () => {
    const dir = await makeFolder();
    const taken = http.createServer();
    const endpoint = await listen(taken, {address: '127.0.0.1', port: 0});
    const plan = {name: 'full', webPort: 8080, ssh: () => endpoint, web: () => ({address: '127.0.0.1', port: 0})};
    await expect(startLab({dir, ...shape, plans: [plan]})).rejects.toMatchObject({
      code: 'refused',
      message: 'no free loopback addresses for the lab: tried full to full',
    });
    await new Promise((resolve) => taken.close(resolve));
    await rm(dir, {recursive: true});
  });
});

describe('Lab.stop()', () => {
  it('ends processes on the hosts, also those that left their session', async () => {
    const {lab, end} = await openPracticeFleet({hosts: 1, silos: ['eu']});
    const host = findHost(lab, 'web1');
    const ssh = await connect(lab, host);
    const {stdout} = await ssh.execCommand(
      "setsid sh -c 'echo $$ > pid; exec sleep 600' < /dev/null > /dev/null 2>&1 & while [ ! -s pid ]; do sleep 0.01; done; cat pid",
    );
    const pid = Number(stdout);
    expect(process.kill(pid, 0)).toBe(true);
    await lab.stop();
    await waitUntil(
      async () => (await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => 'gone')).split(') ')[1]?.[0] ?? 'gone',
      (state) => state === 'gone' || state === 'Z',
    );
    await end();
  });

  it('keeps host keys for the next start', async () => {
    const dir = await makeFolder();
    const first = await startLab({dir, hosts: 1, silos: ['eu'], signal});
    await first.stop();
    const second = await startLab({dir, hosts: 1, silos: ['eu'], signal});
    await second.stop();
    await rm(dir, {recursive: true});
    expect(second.hosts.map(({hostKey}) => hostKey.fingerprint)).toEqual(first.hosts.map(({hostKey}) => hostKey.fingerprint));
  });
});

describe('startLab() refuses', () => {
  const dir = '/nonexistent';
  it.each([
    ['no hosts', {hosts: 0}, 'a lab has 1 to 249 web hosts, got 0'],
    ['too many hosts', {hosts: 250}, 'a lab has 1 to 249 web hosts, got 250'],
    ['more silos than hosts', {hosts: 1, silos: ['eu', 'us']}, 'silos ["eu","us"] do not fit 1 hosts'],
    ['a silo that is no name', {silos: ['a: b']}, 'silos ["a: b"] do not fit 6 hosts'],
    ['the same silo twice', {silos: ['eu', 'eu']}, 'silos ["eu","eu"] do not fit 6 hosts'],
  ])('%s', async (_, shape, message) => {
    await expect(startLab({dir, ...shape, signal})).rejects.toMatchObject({code: 'usage', message});
  });

  it('a path too long for a Unix socket', async () => {
    await expect(startLab({dir: `/tmp/${'long'.repeat(30)}`, signal})).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining('too long for a Unix socket'),
    });
  });
});

import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {access, mkdtemp, readdir, readFile, rm} from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {rigAvailable} from './available.js';
import {mixedHosts} from './fleet.js';
import {clearLeftovers, listProcesses} from './leftovers.js';
import type {Rig} from './rig.js';
import {startRig} from './rig.js';
import {startTraffic} from './traffic.js';

const available = rigAvailable();
const reply = `exec /bin/sh -c 'printf "\\n<%s>\\n" "$(id -un)@$(hostname) $(echo aGVsbG8= | base64 -d) $(flock /tmp/lock echo locked)"'`;
const quick = ['-o', 'BatchMode=yes', '-o', 'ConnectTimeout=2'];

describe.skipIf(!available.ok)(`the rig${available.ok ? '' : ` (${available.why})`}`, () => {
  let rig: Rig;

  beforeAll(async () => {
    rig = await startRig({hosts: 8, balancers: 1, perHost: mixedHosts, seed: {id: 'seed', site: {mark: 'seed'}}});
  });
  afterAll(() => rig?.stop());

  it('has two silos of four web hosts and one balancer', () => {
    const folded = rig.hosts.map((host) => `${host.name}:${host.silo}:${host.role}`).join(' ');
    expect(folded).toBe('web1:eu:web web2:eu:web web3:eu:web web4:eu:web web5:us:web web6:us:web web7:us:web web8:us:web lb1:eu:balancer');
  });

  it.each(Object.keys(mixedHosts))('lets deploy in to %s over real ssh with strict host keys, whatever the login shell', async (host) => {
    const ended = await rig.operator.exec(['ssh', ...quick, host, reply]);
    expect(ended).toMatchObject({status: 0, stdout: expect.stringContaining(`\n<deploy@${host} hello locked>\n`)});
    const shell = await rig.exec(host, ['sh', '-c', 'grep ^deploy: /etc/passwd']);
    expect(shell.stdout.trim().endsWith(`/${mixedHosts[host]?.shell}`)).toBe(true);
    const expectedNoise = mixedHosts[host]?.rcNoise === true;
    expect(ended.stdout.includes('Welcome')).toBe(expectedNoise);
  });

  it('refuses a host whose key is not the known one', async () => {
    const home = await rig.operator.newHome();
    const known = path.join(home, '.ssh/known_hosts');
    const lines = (await readFile(known, 'utf8')).split('\n');
    const swapped = lines.filter((line) => line.startsWith('web2')).map((line) => line.replace('web2,10.77.0.12', 'web1,10.77.0.11'));
    await rig.operator.exec(['tee', known], {input: `${swapped.join('\n')}\n`});
    const ended = await rig.operator.exec(['ssh', ...quick, 'web1', 'true'], {home});
    expect(ended.stderr).toContain('REMOTE HOST IDENTIFICATION HAS CHANGED');
    expect(ended.status).toBe(255);
  });

  it('gives a BusyBox host nothing but BusyBox', async () => {
    const ended = await rig.operator.exec([
      'ssh',
      ...quick,
      'web5',
      "exec /bin/sh -c 'tar --help 2>&1; sha256sum --help 2>&1; curl; flock -w 1 / true'",
    ]);
    expect(ended.stdout.match(/BusyBox v/g)).toHaveLength(2);
    expect(ended.stderr).toContain('curl: not found');
    expect(ended.stderr).toContain('unrecognized option: w');
  });

  it('lets deploy speak to HAProxy on its admin socket', async () => {
    const ask = "const s = require('net').connect('/run/haproxy/admin.sock'); s.end('show servers state web\\n'); s.pipe(process.stdout)";
    const ended = await rig.operator.exec(['ssh', ...quick, 'lb1', '/opt/rig/node -'], {input: ask});
    expect(ended.stdout).toMatch(/ web web1 | web 1 web1 |web1/);
    expect(ended.status).toBe(0);
  });

  it('answers every request through HAProxy, from every host, by the release that is served', async () => {
    const traffic = startTraffic({rig, rate: 100, paths: ['/', '/pages/1.html']});
    const seen = new Set<string>();
    await traffic.waitFor((sample) => {
      if (sample.host && sample.cache === 'hit') seen.add(sample.host);
      return seen.size === 8;
    }, 300_000);
    const startedAt = traffic.report().samples[0]?.at ?? 0;
    await traffic.waitFor((sample) => sample.at > startedAt + 2000, 20_000);
    const report = await traffic.stop();
    expect(report.failed).toEqual([]);
    expect(report.mixed).toEqual([]);
    expect(report.byRelease).toEqual({seed: report.requests});
    expect(report.samples.every((sample) => sample.mark === 'seed')).toBe(true);
    expect(report.requests).toBeGreaterThan(100);
  });

  it('shows a broken release on /healthz after the app has reloaded, and HAProxy takes the host out', async () => {
    const switchTo = (id: string) =>
      `cd /srv/site && ln -sfn releases/${id} new && mv -T new current && kill -HUP "$(cat /run/app/app.pid)"`;
    await rig.operator.exec([
      'ssh',
      ...quick,
      'web2',
      'cp -r /srv/site/releases/seed /srv/site/releases/bad; touch /srv/site/releases/bad/BROKEN',
    ]);
    await rig.operator.exec(['ssh', ...quick, 'web2', switchTo('bad')]);
    await expect.poll(() => stateOf(rig, 'web2'), {timeout: 20_000}).toBe('DOWN');
    const health = await rig.operator.exec(['curl', '-si', 'http://web2/healthz']);
    expect(health.stdout).toMatch(/^HTTP\/1.1 500 [\s\S]*x-release: bad/);
    await rig.operator.exec(['ssh', ...quick, 'web2', switchTo('seed')]);
    await expect.poll(() => stateOf(rig, 'web2'), {timeout: 20_000}).toBe('UP');
  });

  it('hangs after the banner, freezes, goes off, and comes back with restore', async () => {
    const ssh = () => rig.operator.exec(['ssh', ...quick, 'web8', 'echo here']);
    await rig.stopSshd('web8');
    expect((await ssh()).stderr).toContain('Connection refused');
    await rig.hangAfterBanner('web8');
    // OpenSSH's ConnectTimeout ends with the banner: from there on it waits for ever.
    expect(await rig.operator.exec(['ssh', ...quick, 'web8', 'true'], {timeoutMs: 4000})).toMatchObject({signal: 'SIGKILL'});
    await rig.restore('web8');
    expect((await ssh()).stdout).toBe('here\n');
    const session = rig.operator.exec(['ssh', ...quick, 'web8', 'echo started >/tmp/started; exec sleep 600']);
    await expect.poll(async () => (await rig.exec('web8', ['cat', '/tmp/started'])).status, {timeout: 60_000}).toBe(0);
    await rig.stopSshd('web8', {sessions: 'cut'});
    expect(await session).toMatchObject({status: 255});
    await rig.restore('web8');
    await rig.freeze('web8');
    expect((await ssh()).stderr).toMatch(/timed out/);
    await rig.restore('web8');
    await rig.unplug('web8');
    expect((await ssh()).stderr).toMatch(/timed out|No route to host/);
    await rig.restore('web8');
    const bootId = ['cat', '/proc/sys/kernel/random/boot_id'];
    const before = (await rig.exec('web8', bootId)).stdout;
    await rig.powerOff('web8');
    await rig.restore('web8');
    expect((await ssh()).stdout).toBe('here\n');
    expect((await rig.exec('web8', bootId)).stdout).not.toBe(before);
  });

  it('sends signals of a command to the command itself', async () => {
    const child = rig.operator.spawn(['sleep', '600']);
    await expect.poll(() => readFile(`/proc/${child.pid}/comm`, 'utf8')).toBe('sleep\n');
    child.kill('SIGKILL');
    const [, signal] = await once(child, 'exit');
    expect(signal).toBe('SIGKILL');
  });
});

describe.skipIf(!available.ok)('stop() of a rig', () => {
  it('leaves no process, mount, file or name behind', async () => {
    const before = await readMachine();
    const rig = await startRig({hosts: 2, balancers: 1, storage: 'disk'});
    rig.operator.spawn(['sleep', '600']);
    expect(listProcesses(rig.id).length).toBeGreaterThan(10);
    await rig.stop();
    expect(listProcesses(rig.id)).toEqual([]);
    expect(await readMachine()).toEqual(before);
    await expect(access(rig.dir)).rejects.toThrow('ENOENT');
  });

  it('is done by the kernel when the owner is killed, and the next rig removes the files', async () => {
    const directory = await mkdtemp(path.join(os.tmpdir(), 'drover-rig-'));
    try {
      const module = fileURLToPath(new URL('rig.ts', import.meta.url));
      const script = `const {startRig} = await import(${JSON.stringify(module)});
        const rig = await startRig({hosts: 1, directory: ${JSON.stringify(directory)}}); console.log(rig.id); setInterval(() => {}, 1000);`;
      const owner = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const [line] = (await once(owner.stdout, 'data')) as [Buffer];
      const id = line.toString().trim();
      owner.kill('SIGKILL');
      await once(owner, 'exit');
      await expect.poll(() => listProcesses(id), {timeout: 20_000}).toEqual([]);
      expect(await clearLeftovers(directory)).toEqual([id]);
      expect(await readdir(directory)).toEqual([]);
    } finally {
      await rm(directory, {recursive: true, force: true});
    }
  });
});

async function stateOf(rig: Rig, server: string): Promise<string | undefined> {
  const table = await rig.askBalancer('lb1', 'show stat web 4 -1');
  return table
    .split('\n')
    .map((line) => line.split(','))
    .find((fields) => fields[1] === server)?.[17];
}

async function readMachine(): Promise<unknown> {
  const [mounts, links, names] = await Promise.all([
    readFile('/proc/self/mountinfo', 'utf8'),
    readdir('/sys/class/net'),
    readdir('/run/netns').catch(() => []),
  ]);
  return {mounts, links, names};
}

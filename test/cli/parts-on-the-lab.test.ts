import {mkdtemp, readdir, readFile, readlink, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {type Lab, startLab} from '../../src/lib/lab/lab.js';
import {breakContent, changeOnePercent, writeContent} from '../../src/lib/lab/lab-content.js';
import {type Ended, runDrover} from './drover.js';

const pages = 40;

interface StatusHost {
  readonly host: string;
  readonly live: string;
  readonly snapshot?: string;
  readonly staged: readonly string[];
}

/** One story, in order: content that three, then four hosts share out among them, two copies of each partition. */
describe('parts of a snapshot on the practice fleet', {timeout: 300_000}, () => {
  let dir: string;
  let lab: Lab;
  let project: string;
  let first: string;
  let second: string;
  const drover = (...words: string[]): Promise<Ended> => runDrover(words, {cwd: dir});
  const configure = (hosts: string, copies: number): Promise<void> =>
    writeFile(
      path.join(dir, 'drover.yml'),
      project
        .replace(/^ {4}warm:.*\n/m, '')
        .replace(
          '    hosts: role:web\n',
          `    hosts: ${hosts}\n    partitions: {by: hash, count: 32, copies: ${copies}, depth: 2, within: all}\n`,
        ),
    );
  const readStatus = async (): Promise<readonly StatusHost[]> => {
    const {apps} = JSON.parse((await drover('status', '--json')).stdout) as {apps: {hosts: StatusHost[]}[]};
    return apps[0]?.hosts ?? [];
  };
  const readPartitions = async () =>
    JSON.parse((await drover('hosts', '--partitions', '--json')).stdout) as {
      hosts: {name: string; part: string; size: {files: number; bytes: number}}[];
    };
  /** Path -> hosts that serve it, by what is on their disks. */
  const readHolders = async (hosts: readonly string[]): Promise<Map<string, string[]>> => {
    const holders = new Map<string, string[]>();
    for (const host of hosts) {
      const site = path.join(dir, 'hosts', host, 'site');
      const live = path.join(site, await readlink(path.join(site, 'current')));
      for (const entry of await readdir(live, {recursive: true, withFileTypes: true})) {
        if (!entry.isFile()) continue;
        const name = path.relative(live, path.join(entry.parentPath, entry.name));
        holders.set(name, [...(holders.get(name) ?? []), host]);
      }
    }
    return holders;
  };
  const listContent = async (): Promise<string[]> =>
    (await readdir(path.join(dir, 'content'), {recursive: true, withFileTypes: true}))
      .filter((entry) => entry.isFile())
      .map((entry) => path.relative(path.join(dir, 'content'), path.join(entry.parentPath, entry.name)))
      .sort();

  beforeAll(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'dp-'));
    lab = await startLab({dir, hosts: 4, missCostMs: 1, signal: AbortSignal.timeout(60_000)});
    project = await readFile(path.join(dir, 'drover.yml'), 'utf8');
    await configure('role:web!web4', 2);
    await writeContent(path.join(dir, 'content'), {version: 1, pages});
  });

  afterAll(async () => {
    await lab?.stop();
    await rm(dir, {recursive: true, force: true});
  });

  it('deploy gives each host its part: together two copies of every file', async () => {
    first = (await drover('snapshot')).stdout.trim();
    const ended = await drover('deploy', '--all', '--yes');
    expect(ended.status, ended.stderr).toBe(0);
    const holders = await readHolders(['web1', 'web2', 'web3']);
    expect([...holders.keys()].sort()).toEqual(await listContent());
    for (const hosts of holders.values()) expect(hosts).toHaveLength(2);
    const {hosts} = await readPartitions();
    expect((await readStatus()).map(({host, live, snapshot}) => [host, live, snapshot])).toEqual(
      hosts.map(({name, part}) => [name, part, first]),
    );
  });

  it('status and health speak of one snapshot, not of three releases', async () => {
    const status = await drover('status');
    expect(status.stdout).toContain(`${first.slice(0, 12)} (`);
    expect(status.stdout).toContain('parts)');
    const health = await drover('health', '--all');
    expect(health.status, health.stdout).toBe(0);
    expect(health.stdout).not.toContain('skew');
  });

  it('a change moves the hosts that hold it and leaves the others alone, and all are on the new snapshot', async () => {
    const before = await readStatus();
    await changeOnePercent(path.join(dir, 'content'), {version: 2, pages});
    await rm(path.join(dir, 'content', 'index.html'));
    await writeFile(path.join(dir, 'content', 'index.html'), 'second\n');
    second = (await drover('snapshot')).stdout.trim();
    const ended = await drover('deploy', '--all', '--yes', '--json');
    expect(ended.status, ended.stderr).toBe(0);
    const after = await readStatus();
    expect(after.map(({snapshot}) => snapshot)).toEqual([second, second, second]);
    const changed = after.filter(({live}, index) => live !== before[index]?.live).map(({host}) => host);
    expect(changed.length).toBeGreaterThan(0);
    expect((await readHolders(['web1', 'web2', 'web3'])).get('index.html')?.every((host) => changed.includes(host))).toBe(true);
    expect((await drover('health', '--all')).status).toBe(0);
  });

  it('rollback takes all of them to the first snapshot, without moving who serves its part of it already, and once', async () => {
    const back = await drover('rollback', '--all', '--yes');
    expect(back.status, back.stderr).toBe(0);
    const {hosts} = await readPartitions();
    expect(hosts).toHaveLength(3);
    const status = await readStatus();
    expect(status.map(({snapshot}) => snapshot)).toEqual([first, first, first]);
    expect((await drover('health', '--all')).status).toBe(0);
    const again = JSON.parse((await drover('rollback', '--all', '--yes', '--json')).stdout) as {hosts: {outcome: string}[]};
    expect(again.hosts.map((host) => host.outcome)).toEqual(['unchanged', 'unchanged', 'unchanged']);
    const forward = await drover('rollback', '--all', '--yes', '--to', second.slice(0, 12), '--allow-pinned', 'it was no fault of its');
    expect(forward.status, forward.stderr).toBe(0);
    expect((await readStatus()).map(({snapshot}) => snapshot)).toEqual([second, second, second]);
  });

  it('a fourth host takes over its share of the same snapshot, and nobody else gains anything', async () => {
    const before = await readHolders(['web1', 'web2', 'web3']);
    await configure('role:web', 2);
    const ended = await drover('deploy', '--all', '--yes');
    expect(ended.status, ended.stderr).toBe(0);
    const after = await readHolders(['web1', 'web2', 'web3', 'web4']);
    expect([...after.keys()].sort()).toEqual(await listContent());
    for (const [name, hosts] of after) {
      expect(hosts).toHaveLength(2);
      expect(hosts.filter((host) => host !== 'web4').every((host) => before.get(name)?.includes(host))).toBe(true);
    }
    expect([...after.values()].some((hosts) => hosts.includes('web4'))).toBe(true);
    expect((await drover('health', '--all')).status).toBe(0);
  });

  it('push stages parts and names them', async () => {
    await writeFile(path.join(dir, 'content', 'index.html'), 'third\n');
    await drover('snapshot');
    const ended = await drover('push', '--all');
    expect(ended.status, ended.stderr).toBe(0);
    const {hosts} = await readPartitions();
    for (const {host, staged, live} of await readStatus()) {
      const part = hosts.find(({name}) => name === host)?.part ?? '';
      expect([live, ...staged]).toContain(part);
    }
  });

  it('a part that is not healthy takes every host back', async () => {
    await breakContent(path.join(dir, 'content'));
    await drover('snapshot');
    const ended = await drover('deploy', '--all', '--yes');
    expect(ended.status, ended.stderr).toBe(7);
    await rm(path.join(dir, 'content', 'BROKEN'));
    expect((await drover('health', '--all')).status).toBe(0);
  });

  it('a single copy cannot be deployed without taking it out of rotation: refused before anything changes', async () => {
    const before = await readStatus();
    await configure('role:web', 1);
    const ended = await drover('deploy', '--all', '--yes', '--allow-pinned', 'healthy again');
    expect(ended.status).toBe(4);
    expect(ended.stderr).toMatch(
      /^error\[refused\]: web\d cannot be taken out: of web\S+, which hold the same, 1 must stay in rotation; /m,
    );
    expect(await readStatus()).toEqual(before);
  });

  it('a snapshot under embargo is not gone back to by its parts', async () => {
    await configure('role:web', 2);
    await writeContent(path.join(dir, 'content'), {version: 1, pages});
    const held = await drover('snapshot', '--embargo-until', '2099-01-01T00:00Z');
    expect([held.status, held.stdout.trim()], held.stderr).toEqual([0, first]);
    const ended = await drover('rollback', '--hosts', 'web[1-3]', '--yes', '--to', first.slice(0, 12));
    expect(ended.status, ended.stderr).toBe(4);
    expect(ended.stderr).toContain('is under embargo until 2099-01-01');
  });
});

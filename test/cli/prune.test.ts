import {mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {type Lab, startLab} from '../../src/lib/lab/lab.js';
import {writeContent} from '../../src/lib/lab/lab-content.js';
import {type Ended, runDrover} from './drover.js';

describe('drover prune', {timeout: 300_000}, () => {
  let dir: string;
  let lab: Lab;
  const ids: string[] = [];
  const drover = (...words: string[]): Promise<Ended> => runDrover(words, {cwd: dir});
  const listed = async (): Promise<string[]> => {
    const {snapshots} = JSON.parse((await drover('snapshot', 'list', '--json')).stdout) as {snapshots: {id: string}[]};
    return snapshots.map(({id}) => id);
  };

  beforeAll(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'dp-'));
    lab = await startLab({dir, hosts: 2, missCostMs: 1, signal: AbortSignal.timeout(60_000)});
    for (const version of [1, 2, 3, 4]) {
      await writeContent(path.join(dir, 'content'), {version, pages: 3});
      await writeFile(path.join(dir, 'content', 'version.txt'), `${version}\n`);
      ids.push((await drover('snapshot')).stdout.trim());
      if (version === 1) await drover('deploy', '--all', '--yes');
      if (version === 2) await drover('push', '--hosts', 'web1');
    }
  });

  afterAll(async () => {
    await lab?.stop();
    await rm(dir, {recursive: true, force: true});
  });

  it('says in a dry run what would go: neither what is live, nor what a host has staged', async () => {
    const ended = await drover('prune', '--keep', '1', '--dry-run', '--json');
    expect(ended.status, ended.stderr).toBe(0);
    expect(JSON.parse(ended.stdout)).toMatchObject({dryRun: true, removed: [ids[2]], kept: 3, hostsAsked: 2, hostsNotAsked: []});
    expect(await listed()).toHaveLength(4);
  });

  it('refuses while a host of the app does not answer, and removes nothing', async () => {
    const inventory = path.join(dir, 'inventory.yml');
    const text = await readFile(inventory, 'utf8');
    await writeFile(inventory, text.replace(/^hosts:\n/m, 'hosts:\n  gone1: {silo: alpha, role: web, address: 127.0.0.1, port: 9}\n'));
    try {
      const refused = await drover('prune', '--keep', '1');
      expect(refused.stderr).toContain('--without-hosts gone1 --reason');
      expect(refused.status).toBe(4);
      expect(await listed()).toHaveLength(4);
      const silent = await drover('prune', '--keep', '1', '--without-hosts', 'gone1');
      expect(silent.stderr).toContain('--without-hosts wants a reason');
      expect(silent.status).toBe(4);
      const unknown = await drover('prune', '--without-hosts', 'gone2', '--reason', 'scrapped');
      expect(unknown.stderr).toContain('"gone2", which is no host of these apps');
      expect(unknown.status).toBe(2);
      const named = await drover('prune', '--keep', '1', '--without-hosts', 'gone1', '--reason', 'scrapped', '--dry-run', '--json');
      expect(JSON.parse(named.stdout)).toMatchObject({removed: [ids[2]], hostsAsked: 2, hostsNotAsked: ['gone1']});
    } finally {
      await writeFile(inventory, text);
    }
  });

  it('removes the rest, and the store is whole', async () => {
    const ended = await drover('prune', '--keep', '1');
    expect(ended.status, ended.stderr).toBe(0);
    expect(ended.stdout).toMatch(/^[0-9a-f]{12} site \d{4}-\d\d-\d\d\n1 gone, 3 stay; freed .*; 2 hosts asked\n$/);
    expect((await listed()).sort()).toEqual([ids[0], ids[1], ids[3]].sort());
    expect((await drover('snapshot', 'verify')).status).toBe(0);
    expect((await drover('deploy', String(ids[1]), '--all', '--yes')).status).toBe(0);
  });
});

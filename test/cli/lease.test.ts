import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {HostApp} from '../../src/lib/host/host-app.js';
import {createLinkOpener} from '../../src/lib/host/open-link.js';
import {loadInventory} from '../../src/lib/inventory/inventory-file.js';
import {type Lab, startLab} from '../../src/lib/lab/lab.js';
import {patiently, plainEnv} from '../host/some-host.js';
import {type Ended, runDrover} from './drover.js';

const run = '20261121-102900-81c2';

describe('drover lease', {timeout: 300_000}, () => {
  let dir: string;
  let lab: Lab;
  const drover = (...words: string[]): Promise<Ended> => runDrover(words, {cwd: dir});

  beforeAll(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'drover-lease-'));
    lab = await startLab({dir, hosts: 2, silos: ['eu'], missCostMs: 1, signal: AbortSignal.timeout(60_000)});
    const {hosts} = await loadInventory(lab.inventoryPath, {signal: patiently});
    const links = createLinkOpener({env: plainEnv({HOME: dir}), runtimeDirectory: '/tmp'});
    for (const host of hosts.filter(({roles}) => !roles.some((role) => role === 'balancer'))) {
      const app = new HostApp(await links.open(host, patiently), '~/site', 'site', patiently);
      await app.lease({
        run,
        owner: 'bob@train',
        reason: 'deploy \u001b[2J',
        ttlSeconds: 3600,
        plan: '{}',
        from: undefined,
        to: 'ab'.repeat(32),
      });
    }
    await links.closeAll();
  });
  afterAll(async () => {
    await lab?.stop();
    await rm(dir, {recursive: true, force: true});
  });

  it('T8: shows who has which hosts, folded, and every byte of theirs harmless', async () => {
    const ended = await drover('lease');
    expect([ended.status, ended.stdout]).toEqual([
      0,
      expect.stringMatching(/web\[1-2\]\s+20261121-102900-81c2\s+bob@train\s+\d{4}-.*\sin 3\d{3} s\s+\d+ s ago\s+deploy/),
    ]);
    expect(ended.stdout).not.toContain('\u001b');
    const {leases} = JSON.parse((await drover('lease', '--json')).stdout) as {leases: object[]};
    expect(leases).toMatchObject([{app: 'site', host: 'web1', run, owner: 'bob@train', epoch: 1}, {host: 'web2'}]);
  });

  it('XP10: ends no lease under a wrong id, and no live one, and says who has it', async () => {
    const wrong = await drover('lease', 'release', '--id', '20261121-102900-77aa');
    expect([wrong.status, wrong.stderr]).toEqual([
      5,
      expect.stringMatching(
        /no host is leased under id 20261121-102900-77aa; web1 is under 20261121-102900-81c2, held by bob@train since \d\d:\d\d, last heartbeat \d+ s ago/,
      ),
    ]);
    const alive = await drover('lease', 'release', '--id', run);
    expect([alive.status, alive.stderr]).toEqual([
      5,
      expect.stringMatching(/web\[1-2\]: lease 20261121-102900-81c2 is alive: held by bob@train since .*--takeover with --reason/),
    ]);
    const silent = await drover('lease', 'release', '--id', run, '--takeover');
    expect([silent.status, silent.stderr]).toEqual([4, expect.stringContaining('--takeover wants a reason')]);
    const malformed = await drover('lease', 'release', '--id', 'rm -rf');
    expect(malformed.status).toBe(2);
    expect((await drover('lease', 'release')).status).toBe(2);
  });

  it('ends a live one by a takeover, once', async () => {
    const ended = await drover('lease', 'release', '--id', run, '--takeover', '--reason', 'his laptop is under water');
    expect([ended.status, ended.stdout]).toEqual([0, `lease ${run} ended on web[1-2]; what is left of the run: drover resume ${run}\n`]);
    expect((await drover('lease')).stdout).toBe('no host is leased\n');
    const again = await drover('lease', 'release', '--id', run);
    expect([again.status, again.stderr]).toEqual([4, expect.stringContaining('no host is leased')]);
  });
});

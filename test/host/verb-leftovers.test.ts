import {chmod, mkdir, readdir, readFile, rename, stat, utimes, writeFile} from 'node:fs/promises';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import type {SnapshotId} from '../../src/lib/snapshot/manifest.js';
import {copyHost, RealHost} from '../differential/real-host.js';
import {roomyFolder} from '../differential/roomy-folder.js';
import {type Shell, Site, shells} from './verb-site.js';

describe.each(shells.filter(({name}) => name === 'dash' || name === 'busybox'))('what a killed verb left, under $name', (shell: Shell) => {
  let site: Site;
  let a: SnapshotId;
  beforeEach(async () => {
    site = await Site.make(shell, roomyFolder());
    a = await site.stage({name: 'a'});
  });
  afterEach(() => site.remove());

  /** The mode of a release's own folder. */
  const modeOf = async (id: string): Promise<number> => (await stat(site.at('releases', id))).mode & 0o777;

  it('is made good: a release that was not closed to writing is, when it is staged again or goes live', async () => {
    const delta = await site.delta(undefined, a);
    await chmod(site.at('releases', a), 0o755);
    await site.app.stageCommit(site.request(delta), {});
    expect(await modeOf(a)).toBe(0o555);
    await chmod(site.at('releases', a), 0o755);
    await site.deploy('run-1', undefined, a);
    expect(await modeOf(a)).toBe(0o555);
  });

  it('is swept: manifests of releases that are gone, and old files that were never finished', async () => {
    const b = await site.stage({name: 'b'});
    await rename(site.at('releases', a), site.at('.drover', 'incoming', `gone-${a}-1`));
    await mkdir(site.at('.drover', 'pins'));
    const [old, fresh] = [site.at('.drover', 'pins', `${a}.tmp.7`), site.at('.drover', 'epoch.tmp.8')];
    for (const file of [old, fresh]) await writeFile(file, 'half');
    await utimes(old, 1_000_000_000, 1_000_000_000);
    await site.app.prune(1, []);
    expect(await readdir(site.at('.drover', 'manifests'))).toEqual([b, `${b}.links`, `${b}.seal`]);
    expect(await readdir(site.at('.drover', 'pins'))).toEqual([]);
    expect(await readFile(fresh, 'utf8')).toBe('half');
  });

  it('is not told: pins and taken plans that were never finished', async () => {
    for (const folder of ['pins', 'plans']) {
      await mkdir(site.at('.drover', folder));
      await writeFile(site.at('.drover', folder, `${a}.tmp.7`), 'run-1 2026-01-01T00:00:00Z - ana\n');
    }
    expect(await site.app.readState()).toMatchObject({pins: [], plans: []});
  });

  it('loses no reviewed plan: the lease that is given back again gives the plan back, too', async () => {
    const review = {
      run: 'run-1',
      owner: 'ana',
      reason: '',
      ttlSeconds: 60,
      plan: 'p',
      from: undefined,
      to: a,
      review: {nonce: 'c0ffee', epoch: 0},
    };
    await site.app.lease(review);
    let kills = 0;
    for (let nth = 1, lost = true; lost; nth++) {
      const host = new RealHost(copyHost(site.root, `${site.folder}/host-${nth}/site`), shell);
      const release = {run: 'run-1', epoch: 1, kind: 'ended', detail: 'refused'};
      lost = (await host.call('release', release, Buffer.alloc(0), {kind: 'tool', nth})).how === 'lost';
      if (lost) kills += 1;
      if (lost) await host.call('release', release, Buffer.alloc(0), undefined);
      expect(host.observe()).toMatchObject({lease: undefined, plans: {c0ffee: {again: 1}}, runs: {'run-1': {ended: true}}});
    }
    expect(kills).toBeGreaterThan(3);
  }, 300_000);
});

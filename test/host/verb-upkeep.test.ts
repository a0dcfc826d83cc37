import {spawnSync} from 'node:child_process';
import {mkdir, readdir, readFile, writeFile} from 'node:fs/promises';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import type {SnapshotId} from '../../src/lib/snapshot/manifest.js';
import {isRoot, listIncoming, type Shell, Site, shells} from './verb-site.js';

describe.each(shells)('upkeep under $name', (shell: Shell) => {
  let site: Site;
  let a: SnapshotId;
  let b: SnapshotId;
  beforeEach(async () => {
    site = await Site.make(shell);
    a = await site.stage({name: 'a'});
    b = await site.stage({name: 'b'});
  });
  afterEach(() => site.remove());

  it('keeps what must not be removed', async () => {
    const ids = [a, b];
    for (let number = 0; number < 6; number++) ids.push(await site.stage({name: `more ${number}`}));
    await site.deploy('run-1', undefined, ids[0] as string);
    await site.deploy('run-2', ids[0], ids[1] as string);
    await site.lease('run-3', ids[1], ids[2] as string, {plan: `{"hosts":[{"to":"${ids[2]}"}]}`});
    await mkdir(site.at('.drover', 'incoming', 'old.tree', 'sub'), {recursive: true});
    if (shell.uid !== undefined) spawnSync('chown', ['-R', `${shell.uid}`, site.at('.drover', 'incoming')]);
    spawnSync('touch', ['-d', '2001-01-01', site.at('.drover', 'incoming', 'old.tree')]);
    const removed = await site.app.prune(2, [ids[3] as string]);
    expect([...removed].sort()).toEqual([ids[4], ids[5]].sort());
    expect([...(await site.app.readState()).releases].sort()).toEqual([ids[0], ids[1], ids[2], ids[3], ids[6], ids[7]].sort());
    expect(await readdir(site.at('.drover', 'incoming'))).toEqual([]);
    expect(await site.app.prune(2, [ids[3] as string])).toEqual([]);
    await Promise.all([0, 1, 2, 3, 6, 7].map((index) => site.app.verify(ids[index] as string)));
  });

  it('remembers which snapshots a release is a part of, the newest last, as long as it has it', async () => {
    const [one, other] = ['1'.repeat(64), '2'.repeat(64)];
    for (const [snapshot, run] of [
      [one, 'run-1'],
      [other, 'run-2'],
      [one, 'run-3'],
    ] as const)
      await site.app.notePart(a, snapshot, run);
    await site.app.notePart('3'.repeat(64), one, 'run-4');
    expect([...(await site.app.readState()).parts]).toEqual([
      [
        a,
        [
          {snapshot: other, run: 'run-2'},
          {snapshot: one, run: 'run-3'},
        ],
      ],
    ]);
    expect(await site.app.prune(0, [b])).toEqual([a]);
    expect((await site.app.readState()).parts.size).toBe(0);
    await expect(site.app.notePart(b, '../x', 'run-5')).rejects.toThrow('malformed');
  });

  it('goes on behind a journal line that a power cut has torn', async () => {
    await site.deploy('run-1', undefined, a);
    const file = site.at('.drover', 'journal');
    await writeFile(file, `${await readFile(file, 'utf8')}2026-01-01T00:00:00Z 2 run-9 inte`);
    await site.deploy('run-2', a, b);
    expect((await site.app.readState()).journal.map(({event}) => event).slice(-5)).toEqual([
      'leased',
      'intent',
      'switched',
      'confirmed',
      'ended',
    ]);
  });
});

/** 1000 of them are the row; they take some minutes. */
const runs = Number(process.env.RUNS ?? 32);

describe('many runs, one after another', {timeout: 300_000 + runs * 5000}, () => {
  it('F15: leave a journal and records that do not grow, and no temporary file', async () => {
    const site = await Site.make();
    const [a, b] = [await site.stage({name: 'a'}), await site.stage({name: 'b'})];
    await site.deploy('run-0000', undefined, a);
    await writeFile(site.at('.drover', 'journal'), '2026-01-01T00:00:00Z 1 run-0000 renewed x\n'.repeat(1900), {flag: 'a'});
    let longest = 0;
    for (let run = 1; run <= runs; run++) {
      const [from, to] = run % 2 === 1 ? [a, b] : [b, a];
      await site.deploy(`run-${String(run).padStart(4, '0')}`, from, to);
      await site.app.prune(5, []);
      longest = Math.max(longest, (await site.events()).length);
    }
    expect(longest).toBeLessThanOrEqual(2004);
    expect((await site.events()).length).toBeLessThan(1900);
    expect(await listIncoming(site)).toEqual([]);
    expect((await readdir(site.at('.drover', 'runs'))).length).toBeLessThanOrEqual(31);
    const names = await readdir(site.root, {recursive: true});
    expect(names.filter((name) => /\.tmp|\.drover-next|ballast\./.test(name))).toEqual([]);
    expect((await readdir(site.root)).sort()).toEqual(['.drover', 'current', 'releases']);
    const state = await site.app.readState();
    expect([state.live, state.lease, state.openRuns, [...state.releases].sort()]).toEqual([
      runs % 2 === 1 ? b : a,
      undefined,
      [],
      [a, b].sort(),
    ]);
    await site.remove();
  });
});

describe.skipIf(!isRoot)('a full disk', () => {
  it('does not keep a host from going back', async () => {
    const site = await Site.make();
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=755', 'full', site.root]);
    if (mounted.status !== 0) return site.remove();
    try {
      const a = await site.snapshot({name: 'a'});
      const b = await site.snapshot({name: 'b'});
      for (const id of [a, b]) {
        const delta = await site.delta(undefined, id);
        await mkdir(site.at('.drover', 'incoming'), {recursive: true, mode: 0o700});
        await mkdir(site.at('releases'), {recursive: true});
        const request = site.request(delta);
        await writeFile(
          site.at('.drover', 'incoming', `${id.slice(0, 16)}-${delta.digest.slice(0, 16)}.delta`),
          await readFile(delta.path),
        );
        await mkdir(site.at('.drover', 'manifests'), {recursive: true});
        await mkdir(site.at('.drover', 'runs'), {recursive: true});
        await site.app.stageCommit(request, {});
      }
      const epoch = await site.app.lease({run: 'run-1', owner: 'ana', reason: '', ttlSeconds: 60, plan: '', from: undefined, to: a});
      const fence = {run: 'run-1', epoch};
      await site.app.switchTo(fence, {from: undefined, to: a, confirmSeconds: 0, restart: ''});
      await site.app.confirm(fence, a);
      const second = {run: 'run-2', epoch: 0};
      await site.app.release(fence, 'converged');
      second.epoch = await site.app.lease({run: 'run-2', owner: 'ana', reason: '', ttlSeconds: 60, plan: '', from: a, to: b});
      await site.app.switchTo(second, {from: a, to: b, confirmSeconds: 0, restart: ''});
      spawnSync('sh', ['-c', 'cat /dev/zero >"$1"', 'sh', site.at('filler')]);
      await expect(site.app.note(second, 'draining', 'x'.repeat(10_000))).rejects.toMatchObject({failure: 'disk'});
      expect(await site.app.revert(second)).toEqual({changed: true, live: a, from: b});
      expect((await site.events()).at(-1)).toBe(`reverted ${b} ${a}`);
    } finally {
      spawnSync('umount', [site.root]);
      await site.remove();
    }
  });
});

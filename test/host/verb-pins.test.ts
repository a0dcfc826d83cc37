import {writeFile} from 'node:fs/promises';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import {rollbackTarget} from '../../src/lib/host/host-state.js';
import type {SnapshotId} from '../../src/lib/snapshot/manifest.js';
import {copiesOf} from './copies-of.js';
import {itUnder, type Shell, Site, shells} from './verb-site.js';

describe.each(shells)('releases that were taken back under $name', (shell: Shell) => {
  const {eachShell, oneShell} = itUnder(shell);
  let site: Site;
  let a: SnapshotId;
  let b: SnapshotId;
  const copy = copiesOf(async () => {
    const made = await Site.make(shell);
    a = await made.stage({name: 'a'});
    b = await made.stage({name: 'b'});
    await made.deploy('run-1', undefined, a);
    return made;
  });
  beforeEach(async () => {
    site = await copy();
  });
  afterEach(() => site.remove());

  const leave = (from: string | undefined, to: string) => ({from, to, confirmSeconds: 0, restart: ''});

  it('are pinned out by the revert that has a reason, with who, when and why, until a later run confirms one', async () => {
    const fence = await site.lease('run-2', a, b);
    await site.app.switchTo(fence, leave(a, b));
    const why = 'health failed: $(x) `y`  "z"';
    await site.app.revert(fence, {why, snapshot: a});
    await site.app.revert(fence, {why: 'another'});
    await site.app.release(fence, 'rolled-back');
    expect((await site.app.readState()).pins).toMatchObject([{release: b, snapshot: a, run: 'run-2', owner: 'ana', why}]);
    await expect(site.lease('run-3', a, b)).rejects.toMatchObject({failure: 'pinned', code: 'refused'});
    const request = {run: 'run-3', owner: 'bob', reason: '', ttlSeconds: 60, plan: '{}', from: a, to: b};
    const again = {run: 'run-3', epoch: await site.app.lease({...request, allowPinned: true, unsafe: 'allow-pinned: tried it'})};
    expect((await site.events()).at(-1)).toBe('unsafe allow-pinned: tried it');
    await site.app.switchTo(again, leave(a, b));
    await site.app.confirm(again, b);
    expect((await site.app.readState()).pins).toEqual([]);
  });

  oneShell('are not pinned out where a host, and not the release, was to blame', async () => {
    const fence = await site.lease('run-2', a, b);
    await site.app.switchTo(fence, leave(a, b));
    await site.app.revert(fence);
    await site.app.release(fence, 'rolled-back');
    await site.lease('run-3', a, b);
  });

  eachShell('are pinned out on hosts that the run had not reached, and let its own run resume', async () => {
    const fence = await site.lease('run-2', a, b);
    await site.app.pin(fence, b, {why: 'bad on web1'});
    expect((await site.app.readState()).pins).toMatchObject([{release: b, snapshot: undefined, why: 'bad on web1'}]);
    await site.lease('run-2', a, b);
    await expect(site.app.pin(fence, a, {why: 'late'})).rejects.toMatchObject({failure: 'fenced'});
  });

  eachShell('are pinned out by the confirmation of a rollback', async () => {
    await site.deploy('run-2', a, b);
    const fence = await site.lease('run-3', b, a);
    await site.app.switchTo(fence, leave(b, a));
    await site.app.confirm(fence, a, {release: b, why: 'errors since 10:31'});
    expect((await site.app.readState()).pins).toMatchObject([{release: b, run: 'run-3', why: 'errors since 10:31'}]);
  });

  oneShell('I8: are nothing that a rollback leads to, confirmed as they were', async () => {
    const fence = await site.lease('run-2', a, b);
    await site.app.switchTo(fence, leave(a, b));
    await site.app.confirm(fence, b);
    await site.app.revert(fence, {why: 'bad on web2'});
    await site.app.release(fence, 'rolled-back');
    const c = await site.stage({name: 'c'});
    await site.deploy('run-3', a, c);
    expect(rollbackTarget(await site.app.readState())).toEqual({kind: 'release', id: a});
  });

  eachShell('I7: never cost the release before them its place, and stay for whoever looks into them', async () => {
    const fence = await site.lease('run-2', a, b);
    await site.app.switchTo(fence, leave(a, b));
    await site.app.confirm(fence, b);
    await site.app.revert(fence, {why: 'bad on web2'});
    await site.app.release(fence, 'rolled-back');
    const c = await site.stage({name: 'c'});
    await site.deploy('run-3', a, c);
    expect(await site.app.prune(1, [])).toEqual([]);
    expect([...(await site.app.readState()).releases].sort()).toEqual([a, b, c].sort());
  });

  oneShell('I7: pushes that were never deployed do not push proven releases out', async () => {
    await site.deploy('run-2', a, b);
    const c = await site.stage({name: 'c'});
    await site.deploy('run-3', b, c);
    const pushed: string[] = [];
    for (let number = 0; number < 5; number++) pushed.push(await site.stage({name: `pushed ${number}`}));
    expect([...(await site.app.prune(3, []))].sort()).toEqual(pushed.slice(0, 2).sort());
    expect([...(await site.app.readState()).releases].sort()).toEqual([a, b, c, ...pushed.slice(2)].sort());
  });

  eachShell('F15: still count as taken back when the journal is cut to its newest lines', async () => {
    const fence = await site.lease('run-2', a, b);
    await site.app.switchTo(fence, leave(a, b));
    await site.app.confirm(fence, b);
    await site.app.revert(fence);
    await site.app.release(fence, 'rolled-back');
    const c = await site.stage({name: 'c'});
    const line = '2026-01-01T00:00:00Z 9 run-0 renewed x\n';
    await writeFile(site.at('.drover', 'journal'), line.repeat(2500), {flag: 'a'});
    await site.deploy('run-3', a, c);
    await site.app.prune(5, []);
    const state = await site.app.readState();
    expect(state.journal.length).toBeLessThan(1100);
    expect(rollbackTarget(state)).toEqual({kind: 'release', id: a});
  });
});

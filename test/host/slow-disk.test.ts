import {spawnSync} from 'node:child_process';
import {readFile} from 'node:fs/promises';
import path from 'node:path';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import {sendDelta} from '../../src/lib/delivery/send-delta.js';
import {linkWith, Site, shells} from './verb-site.js';

const canTrace = spawnSync('strace', ['-f', '-qq', '-o', '/dev/null', 'true']).status === 0;
const flushes = 'fsync,fdatasync,syncfs,sync';

describe.skipIf(!canTrace)('C15: a disk that takes 200 ms to flush', {timeout: 300_000}, () => {
  let site: Site;
  beforeEach(async () => {
    site = await Site.make();
  });
  afterEach(() => site.remove());

  it('is waited for: the bytes go on meanwhile, no stall is declared, and the release is switched to', async () => {
    const note = path.join(site.folder, 'strace');
    const wrap = ['strace', '-f', '-qq', '-A', '-o', note, '-e', `trace=${flushes}`, '-e', `inject=${flushes}:delay_exit=200000`];
    const [shell] = shells;
    if (shell === undefined) throw new Error('there is no shell');
    const slow = site.appOver(linkWith(shell, {wrap}));
    const id = await site.snapshot({big: Array.from({length: 100_000}, () => Math.random().toString(36)).join('')});
    const delta = await site.delta(undefined, id);
    const progress: number[] = [];
    const onProgress = (bytes: number): number => progress.push(bytes);
    // Far less than all flushes together take.
    const stallMs = 1000;
    const sent = await sendDelta({host: slow, delta, unpackedBytes: delta.unpackedBytes, links: {}, onProgress, stallMs});
    expect(sent).toEqual({kind: 'staged', sentBytes: delta.bytes, resumedBytes: 0});
    expect(progress.at(-1)).toBe(delta.bytes);
    expect(progress.length).toBeGreaterThan(5);
    const epoch = await slow.lease({run: 'run-1', owner: 'ana', reason: '', ttlSeconds: 60, plan: 'p', from: undefined, to: id});
    const fence = {run: 'run-1', epoch};
    await slow.switchTo(fence, {from: undefined, to: id, confirmSeconds: 0, restart: ''});
    await slow.confirm(fence, id);
    expect(await site.live()).toBe(id);
    expect((await readFile(note, 'utf8')).match(/\(DELAYED\)/g)?.length).toBeGreaterThan(5);
  });
});

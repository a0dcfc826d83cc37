import {readFile, writeFile} from 'node:fs/promises';
import {setTimeout as sleep} from 'node:timers/promises';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import type {SnapshotId} from '../../src/lib/snapshot/manifest.js';
import {type Shell, Site, shells} from './verb-site.js';

// The watcher itself always runs under /bin/sh.
describe.each(shells.filter(({name}) => name !== 'bash'))("the dead-man's switch under $name", (shell: Shell) => {
  let site: Site;
  let a: SnapshotId;
  let b: SnapshotId;
  beforeEach(async () => {
    site = await Site.make(shell);
    a = await site.stage({name: 'a'});
    b = await site.stage({name: 'b'});
  });
  afterEach(() => site.remove());

  it('goes back by itself when nobody confirms, and runs the restart hook', async () => {
    await site.deploy('run-1', undefined, a);
    await site.own('out');
    const fence = await site.lease('run-2', a, b);
    const restart = `echo "$DROVER_APP $DROVER_RELEASE $DROVER_PREVIOUS $DROVER_RUN $(umask) $(cat name)" >${site.root}/out/mark`;
    await site.app.switchTo(fence, {from: a, to: b, confirmSeconds: 1, restart});
    expect(await site.live()).toBe(b);
    let mark = '';
    while (mark === '') {
      await sleep(50);
      mark = await readFile(site.at('out', 'mark'), 'utf8').catch(() => '');
    }
    expect(mark).toBe(`shop ${a} ${b} run-2 0022 a\n`);
    expect(await site.live()).toBe(a);
    expect((await site.events()).at(-1)).toBe(`reverted ${b} ${a}`);
    expect((await site.app.readState()).decisions.get('run-2')).toBe('reverted');
    await expect(site.app.confirm(fence, b)).rejects.toMatchObject({failure: 'reverted-itself'});
    expect(await site.app.revert(fence)).toMatchObject({changed: false, live: a, from: b});
    expect((await site.events()).filter((event) => event.startsWith('reverted'))).toHaveLength(1);
  });

  it('stays where another run has made the release its own', async () => {
    const first = await site.lease('run-1', undefined, a, {ttl: 0});
    await site.app.switchTo(first, {from: undefined, to: a, confirmSeconds: 2, restart: ''});
    const second = await site.lease('run-2', a, a);
    await site.app.switchTo(second, {from: a, to: a, confirmSeconds: 0, restart: ''});
    await site.app.confirm(second, a);
    await sleep(3500);
    expect(await site.live()).toBe(a);
    expect((await site.events()).at(-1)).toBe(`confirmed ${a}`);
  });

  it('I8: leads back to no release that was never confirmed here: who takes it back arms no switch', async () => {
    await site.deploy('run-1', undefined, a);
    const dead = await site.lease('run-2', a, b, {ttl: 0});
    await site.app.switchTo(dead, {from: a, to: b, confirmSeconds: 300, restart: ''});
    const back = await site.lease('run-3', b, a);
    await site.app.switchTo(back, {from: b, to: a, confirmSeconds: 1, restart: ''});
    expect(await site.live()).toBe(a);
    const armed = (run: string): Promise<string> => readFile(site.at('.drover', 'runs', run, 'armed'), 'utf8').catch(() => 'not armed');
    expect(await armed('run-2')).not.toBe('not armed');
    expect(await armed('run-3')).toBe('not armed');
  });

  it('arms the switch again where a reboot has ended it', async () => {
    await site.deploy('run-1', undefined, a);
    const fence = await site.lease('run-2', a, b);
    await site.app.switchTo(fence, {from: a, to: b, confirmSeconds: 300, restart: ''});
    await writeFile(site.at('.drover', 'runs', 'run-2', 'armed'), 'another boot\n');
    await site.app.switchTo(fence, {from: a, to: b, confirmSeconds: 1, restart: ''});
    while ((await site.events()).at(-1) !== `reverted ${b} ${a}`) await sleep(50);
    expect(await site.live()).toBe(a);
  });
});

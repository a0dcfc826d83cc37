import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {describe, expect, it} from 'vitest';
import {VerbError} from '../../src/lib/host/verb-call.js';
import {listIncoming, type Shell, Site, shells} from './verb-site.js';

async function settle<T>(work: Promise<T>): Promise<T | string> {
  return work.catch((error: unknown) => {
    if (error instanceof VerbError) return error.failure;
    throw error;
  });
}

describe.each(shells.filter(({uid}) => uid === undefined))('races under $name', (shell: Shell) => {
  /** Under the other shells some of the moments are tried, since what they race for is one lock. */
  const stride = shell === shells[0] ? 1 : 3;

  it('confirm and dead-man never both win', async () => {
    const site = await Site.make(shell);
    const a = await site.stage({name: 'a'});
    const b = await site.stage({name: 'b'});
    const wins = {confirm: 0, 'dead-man': 0};
    let from: string | undefined;
    for (let round = 0; round < 16; round += stride) {
      const run = `run-${round}`;
      const to = from === a ? b : a;
      const fence = {run, epoch: await site.app.lease({run, owner: 'ana', reason: '', ttlSeconds: 60, plan: 'x', from, to})};
      await site.app.switchTo(fence, {from, to, confirmSeconds: 300, restart: ''});
      // The watcher of this very switch, at the end of its patience.
      const race = async (): Promise<void> => {
        const words = [
          '-c',
          `sleep 0.0${10 + 4 * round}; exec /bin/sh "$@"`,
          'sh',
          site.at('.drover', 'runs', run, 'watcher.sh'),
          site.root,
          run,
          from ?? '',
          to,
          '0',
          'shop',
        ];
        await once(spawn('/bin/sh', words, {stdio: 'ignore'}), 'exit');
      };
      const [ended] = await Promise.all([settle(site.app.confirm(fence, to)), race()]);
      const events = (await site.events()).slice(-3);
      if (ended === 'reverted-itself') {
        wins['dead-man']++;
        expect(await site.live()).toBe(from);
        expect(events).not.toContain(`confirmed ${to}`);
      } else {
        wins.confirm++;
        expect(ended).toBeUndefined();
        expect(await site.live()).toBe(to);
        expect(events.at(-1)).toBe(`confirmed ${to}`);
        from = to;
      }
      expect((await site.app.readState()).decisions.get(run)).toBe(ended === 'reverted-itself' ? 'reverted' : 'confirmed');
      await site.app.release(fence, 'done');
    }
    expect(wins.confirm + wins['dead-man']).toBe(Math.ceil(16 / stride));
    await site.remove();
  }, 300_000);

  it('F1: one of many runs gets the lease, and every epoch is given once', async () => {
    const site = await Site.make(shell);
    const to = await site.stage({name: 'a'});
    for (let round = 0; round < 3; round++) {
      const runs = Array.from({length: 8}, (_, index) => `run-${round}-${index}`);
      const ends = await Promise.all(
        runs.map((run) => settle(site.app.lease({run, owner: run, reason: '', ttlSeconds: 60, plan: 'x', from: undefined, to}))),
      );
      const epochs = ends.filter((end) => typeof end === 'number');
      expect(ends.filter((end) => end === 'leased')).toHaveLength(7);
      expect(epochs).toEqual([round + 1]);
      const run = runs[ends.findIndex((end) => typeof end === 'number')] ?? '';
      await site.app.release({run, epoch: round + 1}, 'done');
    }
    await site.remove();
  });

  it('two who send the same delta, and one who removes old releases, do each other no harm', async () => {
    const site = await Site.make(shell);
    const base = await site.stage({big: 'x'.repeat(100_000), name: 'base'});
    for (let round = 0; round < 5; round += stride) {
      const id = await site.snapshot({big: 'x'.repeat(100_000), name: `round ${round}`});
      await site.delta(base, id);
      const ends = await Promise.all([settle(site.send(id, {base})), settle(site.send(id, {base})), settle(site.app.prune(2, [base]))]);
      for (const end of ends.slice(0, 2))
        expect(typeof end === 'object' || ['busy', 'conflict', 'missing'].includes(end as string), JSON.stringify(end)).toBe(true);
      await site.send(id, {base});
      await site.app.verify(id);
      await site.app.verify(base);
    }
    expect((await listIncoming(site)).filter((name) => name.endsWith('.tree'))).toEqual([]);
    await site.remove();
  }, 300_000);
});

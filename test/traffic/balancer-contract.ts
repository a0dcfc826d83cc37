import {mkdtemp, rm} from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import type {Host} from '../../src/lib/inventory/host.js';
import {type BalancerKind, BalancerStage, lose} from './balancer-stage.js';
import {makeHost, patiently} from './local-machine.js';

const [web1, web2, web3] = [makeHost('web1'), makeHost('web2'), makeHost('web3')];
const everybody = new Set(['web1', 'web2', 'web3']);
const others = new Set(['web2', 'web3']);

/** What every balancer promises, with two real ones in front of three web servers. */
export function describeBalancers(kind: BalancerKind): void {
  describe(`two balancers with ${kind.name}`, () => {
    let directory: string;
    let stage: BalancerStage;

    beforeEach(async () => {
      directory = await mkdtemp(path.join(os.tmpdir(), 'drover-contract-'));
      stage = await BalancerStage.open(kind, directory);
    });

    afterEach(async () => {
      await stage.close();
      await rm(directory, {recursive: true, force: true});
    });

    const seeEverybody = async (): Promise<boolean> => {
      const both = [await stage.poll(0), await stage.poll(1)];
      return both.every((seen) => [...everybody].every((web) => seen.has(web)));
    };

    const test = it.skipIf(!kind.isHere);

    test('a drained host gets no request at either, and gets its share again once it is admitted', async () => {
      const balancer = stage.balance();
      expect(await balancer.preflight([web1, web2, web3], patiently)).toEqual([]);
      expect((await balancer.read([web1, web2, web3], patiently)).map(({state}) => state)).toEqual(['in', 'in', 'in']);
      expect(await balancer.drain(web1, patiently)).toEqual({cut: 0});
      expect([await stage.poll(0), await stage.poll(1)]).toEqual([others, others]);
      expect((await balancer.read([web1, web2], patiently)).map(({state}) => state)).toEqual(['out', 'in']);
      expect(await balancer.drain(web1, patiently)).toEqual({cut: 0});
      await balancer.admit(web1, patiently);
      await balancer.admit(web1, patiently);
      expect(await seeEverybody()).toBe(true);
      expect((await balancer.read([web1], patiently))[0]?.state).toBe('in');
    });

    test('drained means that neither has a request of it open', async () => {
      const held = await stage.hold(1);
      const host = makeHost(held.web);
      const order: string[] = [];
      const balancer = stage.balance();
      const draining = balancer.drain(host, patiently).then(({cut}) => order.push(`drained, ${cut} cut`));
      while ((await balancer.read([host], patiently))[0]?.state !== 'draining');
      const answered = held.ended.then((status) => order.push(`answered with ${status}`));
      held.answer();
      await Promise.all([answered, draining]);
      expect(order).toEqual(['answered with 200', 'drained, 0 cut']);
    });

    test('G4: counts what is left at the deadline under close', async () => {
      const held = await stage.hold(0);
      expect(await stage.balance({waitMs: 600}).drain(makeHost(held.web), patiently)).toEqual({cut: 1});
    });

    test.each(['abort', 'wait'] as const)('G4: puts the host back at both under %s, and cuts nothing', async (then) => {
      const held = await stage.hold(0);
      const host = makeHost(held.web);
      const balancer = stage.balance({waitMs: 600, then, ...(then === 'wait' ? {longestMs: 900} : {})});
      await expect(balancer.drain(host, patiently)).rejects.toMatchObject({
        code: 'refused',
        message: expect.stringContaining(`${host.name} still has 1 open session after ${then === 'wait' ? '0.9' : '0.6'} s`),
      });
      expect(await seeEverybody()).toBe(true);
      held.answer();
      expect(await held.ended).toBe(200);
    });

    test('G3: one dead balancer stops everything before the host is touched', async () => {
      const balancer = stage.balance();
      await stage.kill(1);
      expect(await balancer.preflight([web1, web2, web3], patiently)).toEqual([expect.stringContaining('lb2')]);
      await expect(balancer.drain(web1, patiently)).rejects.toMatchObject({message: expect.stringContaining('lb2')});
      await expect(balancer.read([web1], patiently)).rejects.toMatchObject({message: expect.stringContaining('lb2')});
      expect(await stage.poll(0)).toEqual(everybody);
    });

    test('G3: drained on both or on none, whichever request to the second is lost', async () => {
      let drained = false;
      for (let lost = 1; !drained; lost += 1) {
        let asked = 0;
        const balancer = stage.balance({}, (host: Host) => {
          if (host.name !== 'lb2') return;
          asked += 1;
          if (asked === lost) lose(host);
        });
        drained = await balancer.drain(web1, patiently).then(
          () => true,
          () => false,
        );
        const states = (await stage.balance().read([web1], patiently)).map(({state}) => state);
        expect([lost, states]).toEqual([lost, [drained ? 'out' : 'in']]);
      }
      expect([await stage.poll(0), await stage.poll(1)]).toEqual([others, others]);
    });

    test('G5: another operator admits what a killed one had begun to drain, at every step of it', async () => {
      let drained = false;
      for (let death = 1; !drained; death += 1) {
        let asked = 0;
        const killed = stage.balance({}, (host: Host) => {
          asked += 1;
          if (asked >= death) lose(host);
        });
        drained = await killed.drain(web1, patiently).then(
          () => true,
          () => false,
        );
        await stage.balance().admit(web1, patiently);
        expect([death, (await stage.balance().read([web1], patiently)).map(({state}) => state)]).toEqual([death, ['in']]);
      }
      expect(await seeEverybody()).toBe(true);
    });

    test('counts who serves from the balancers themselves, and never takes the last one out', async () => {
      await stage.balance().drain(web1, patiently);
      await stage.balance().drain(web2, patiently);
      const another = stage.balance();
      expect((await another.read([web1, web2, web3], patiently)).map(({state}) => state)).toEqual(['out', 'out', 'in']);
      await expect(another.drain(web3, patiently)).rejects.toMatchObject({
        message: expect.stringContaining('web3 is the last server in rotation'),
      });
      expect(await stage.poll(0)).toEqual(new Set(['web3']));
    });

    test('G13: names a host that is no server of theirs', async () => {
      const [problem] = await stage.balance().preflight([makeHost('web7')], patiently);
      expect(problem).toMatch(/^host web7 has no (server|backend) in .* lb1/);
      await expect(stage.balance().drain(makeHost('web7'), patiently)).rejects.toMatchObject({code: 'refused'});
    });
  });
}

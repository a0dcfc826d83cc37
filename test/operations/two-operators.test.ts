import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import {copiesOf} from '../host/copies-of.js';
import {endOf, together} from './meeting.js';
import {SiteFleet} from './site-fleet.js';

const rounds = Number(process.env.ROUNDS ?? 4);

describe('several operators', {timeout: 300_000}, () => {
  let fleet: SiteFleet;
  let one: string;
  const copy = copiesOf(async () => {
    const made = await SiteFleet.make(5);
    one = await made.release('1');
    expect((await made.deploy({run: 'run-0'}, one)).exit).toBe(0);
    return made;
  });
  beforeEach(async () => {
    fleet = await copy();
  });
  afterEach(() => fleet.remove());

  it('F1: who start in the same moment are one who goes on, and others who hear who has the hosts', async () => {
    for (let round = 1; round <= rounds; round++) {
      const id = await fleet.release(`round ${round}`);
      const meet = together(3);
      const said: string[] = [];
      let ended = 0;
      let open: () => void = () => undefined;
      // Who goes on changes nothing before the others have heard: one that is slow would else find the hosts free again.
      const othersHeard = new Promise<void>((resolve) => {
        open = resolve;
      });
      const start = async (who: string): ReturnType<typeof endOf> => {
        const hear = meet();
        const end = await endOf(
          fleet.deploy(
            {
              run: `run-${round}-${who}`,
              operator: `${who}@desk`,
              reason: 'the sale',
              hear: (happening) => {
                if (happening.kind === 'warning') said.push(happening.message);
                return happening.kind === 'step-started' && happening.step === 'switch' ? othersHeard : hear(happening);
              },
            },
            id,
          ),
        );
        ended += 1;
        if (ended === 2) open();
        return end;
      };
      const ends = await Promise.all(['ana', 'bob', 'carol'].map(start));
      expect(ends.map(({exit}) => exit).sort()).toEqual([0, 5, 5]);
      expect(said.join('\n')).toMatch(/web\d is leased by \w+@desk for run run-\d-\w+ \(the sale\), \d+ s left/);
      expect(new Set(await fleet.live())).toEqual(new Set([id]));
      for (const {name} of fleet.hosts) expect((await fleet.state(name)).lease).toBeUndefined();
    }
  });

  it('F2: of two whose hosts overlap, in opposite order, at least one goes on, and none keeps what it cannot use', async () => {
    for (let round = 1; round <= rounds; round++) {
      const id = await fleet.release(`round ${round}`);
      const meet = together(2);
      const left = fleet.hosts.slice(0, 3);
      const right = fleet.hosts.slice(2).reverse();
      const ends = await Promise.all([
        endOf(fleet.deploy({run: `run-${round}-a`, hear: meet()}, id, {hosts: left})),
        endOf(fleet.deploy({run: `run-${round}-b`, hear: meet()}, id, {hosts: right})),
      ]);
      const exits = ends.map(({exit}) => exit);
      expect(exits).toContain(0);
      expect(exits.every((exit) => exit === 0 || exit === 5)).toBe(true);
      for (const {name} of fleet.hosts) expect((await fleet.state(name)).lease).toBeUndefined();
    }
  });

  it('F3: hear how long a dead owner still has, and take over when the lease has run out', async () => {
    const id = await fleet.release('2');
    const web3 = fleet.app('web3');
    const request = {run: 'run-dead', owner: 'bob@train', reason: 'deploy', plan: '{}', from: one, to: one};
    await web3.lease({...request, ttlSeconds: 60});
    const refused = await endOf(fleet.deploy({run: 'run-2'}, id));
    expect(refused.exit).toBe(5);
    expect(refused.words).toMatch(/^web3 is leased by bob@train for run run-dead \(deploy\), \d+ s left$/);
    expect(refused.fix).toBe('wait (--wait-lease 5m), or if that run is dead: drover resume run-dead');
    await web3.lease({...request, ttlSeconds: 0});
    expect((await endOf(fleet.deploy({run: 'run-3'}, id))).exit).toBe(0);
  });

  it('wait for the other one where they said so, and go on with what the hosts serve then', async () => {
    const id = await fleet.release('2');
    const meet = together(2);
    const deploy = async (run: string): Promise<{exit: number; outcomes: readonly string[]}> => {
      const outcomes: string[] = [];
      const meets = meet();
      const hear: typeof meets = (happening) => {
        if (happening.kind === 'host-ended') outcomes.push(happening.outcome);
        return meets(happening);
      };
      const {exit} = await endOf(fleet.deploy({run, hear}, id, {waitLeaseMs: 60_000}));
      return {exit, outcomes: outcomes.slice(-5)};
    };
    const ends = await Promise.all([deploy('run-2-a'), deploy('run-2-b')]);
    expect(ends.map(({exit}) => exit)).toEqual([0, 0]);
    // Whoever was first is chance. The other one finds everything done when it plans, or step by step where it had planned already.
    const outcomes = ends.map((end) => [...new Set(end.outcomes)].join());
    expect(outcomes).toContain('done');
    expect(['done', 'unchanged']).toEqual(expect.arrayContaining(outcomes));
    expect(new Set(await fleet.live())).toEqual(new Set([id]));
  });

  it('F12: do not roll back under a deploy, but for a takeover of that very run', async () => {
    const id = await fleet.release('2');
    await fleet.deploy({run: 'run-1'}, id);
    const fence = {run: 'run-2', epoch: 0};
    const request = {run: 'run-2', owner: 'bob@train', reason: '', ttlSeconds: 60, plan: '{}', from: id, to: one};
    for (const {name} of fleet.hosts) fence.epoch = await fleet.app(name).lease(request);
    expect((await endOf(fleet.rollback({run: 'run-3'}))).exit).toBe(5);
    expect((await endOf(fleet.rollback({run: 'run-4', reason: 'he is away'}, {takeover: 'run-9'}))).exit).toBe(5);
    expect((await endOf(fleet.rollback({run: 'run-5', reason: 'he is away'}, {takeover: 'run-2'}))).exit).toBe(0);
    expect(new Set(await fleet.live())).toEqual(new Set([one]));
    await expect(fleet.app('web5').note(fence, 'draining', '')).rejects.toMatchObject({failure: 'fenced'});
  });
});

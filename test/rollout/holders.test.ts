import {describe, expect, it} from 'vitest';
import {orderByHolders} from '../../src/lib/rollout/holders.js';
import type {Holders, PlannedHost, RolloutPlan} from '../../src/lib/rollout/plan.js';
import {planWaves} from '../../src/lib/rollout/waves.js';
import {calmScenario, modelHost, planFor, planHost, randomScenario} from './scenario.js';
import {type SeededRandom, seedRandom} from './seeded-random.js';
import {describeVerdict, simulate} from './simulation.js';

const everyone = [{kind: 'percent', percent: 100}] as const;
const names = (silo: string, count: number): string[] => Array.from({length: count}, (_, index) => `${silo}-${index + 1}`);

/** Floors that would let whole silos go at once: the holders alone keep hosts in. */
function planWith(hosts: readonly PlannedHost[], holders: readonly Holders[], more: Partial<RolloutPlan> = {}): RolloutPlan {
  return planFor(hosts, {waves: planWaves(hosts, everyone), floors: {eu: 0, us: 0}, budget: 10, holders, ...more});
}

function drawSet(random: SeededRandom, hosts: readonly string[], copies: number): string[] {
  const left = [...hosts];
  return Array.from({length: copies}, () => left.splice(random.below(left.length), 1)[0]!);
}

/** As many sets as partitions; `fresh` takes one place in some of them. */
function drawHolders(random: SeededRandom, hosts: readonly string[], copies: number, fresh?: string, drains = true): Holders[] {
  return Array.from({length: 24}, () => {
    const before = drawSet(random, hosts, copies);
    const least = drains ? Math.max(1, copies - 1) : 0;
    if (fresh === undefined || random.chance(0.7)) return {least, copies, before};
    return {least, copies, before, after: [...before.slice(1), fresh]};
  });
}

describe('a rollout of parts', () => {
  it('never leaves fewer than copies less one of any holders in rotation, after every event', () => {
    for (let seed = 1; seed <= 150; seed++) {
      const random = seedRandom(seed);
      const all = [...names('eu', 4 + random.below(4)), ...(seed % 2 === 0 ? names('us', 4) : [])];
      const copies = 2 + random.below(2);
      const plan = planWith(
        all.map((name) => planHost(name)),
        drawHolders(random, all, copies),
        random.chance(0.3) ? {command: 'rollback'} : {},
      );
      const scenario = {...calmScenario(plan), random, name: `seed ${seed}`};
      const verdict = simulate(scenario);
      expect(verdict.violations, describeVerdict(scenario, verdict)).toEqual([]);
      expect(verdict.end?.outcome).toBe('converged');
      for (const count of verdict.referee.fewest) expect(count).toBeGreaterThanOrEqual(copies - 1);
    }
  });

  it('keeps every partition while a new host takes partitions over from others', () => {
    for (let seed = 1; seed <= 150; seed++) {
      const random = seedRandom(seed);
      const old = names('eu', 6);
      const copies = 2 + random.below(2);
      const holders = drawHolders(random, old, copies, 'eu-7');
      const hosts = [planHost('eu-7', {from: undefined}), ...old.map((name) => planHost(name))];
      const ordered = orderByHolders(hosts, holders, old);
      if (ordered.kind !== 'order') throw new Error(`seed ${seed}: ${ordered.host} is the last`);
      const plan = planWith(ordered.hosts, holders);
      const models = plan.hosts.map((host) => modelHost(host, host.name === 'eu-7' ? {drainedAtStart: true} : {}));
      const scenario = {...calmScenario(plan), hosts: models, random, name: `seed ${seed}`};
      const verdict = simulate(scenario);
      expect(verdict.violations, describeVerdict(scenario, verdict)).toEqual([]);
      expect(verdict.end?.outcome).toBe('converged');
      for (const count of verdict.referee.fewest) expect(count).toBeGreaterThanOrEqual(copies - 1);
      for (const count of verdict.referee.fewestHeld) expect(count).toBeGreaterThanOrEqual(copies);
    }
  });

  it.each(['converges', 'goes back'])(
    'keeps all copies where nobody drains, when a new host takes partitions over and the run %s',
    (way) => {
      for (let seed = 1; seed <= 100; seed++) {
        const random = seedRandom(seed);
        const old = names('eu', 6);
        const copies = 1 + random.below(3);
        const holders = drawHolders(random, old, copies, 'eu-7', false);
        const hosts = [...old.map((name) => planHost(name)), planHost('eu-7', {from: undefined})];
        const ordered = orderByHolders(hosts, holders, [...old, 'eu-7']);
        if (ordered.kind !== 'order') throw new Error(`seed ${seed}: ${ordered.host} is the last`);
        const plan = planWith(ordered.hosts, holders, {steps: ['arm', 'switch', 'health', 'confirm']});
        const bad = plan.hosts.at(-1)?.name;
        const scenario = {
          ...calmScenario(plan),
          hosts: plan.hosts.map((host) => modelHost(host, {drainedAtStart: false})),
          random,
          name: `seed ${seed}`,
          ...(way === 'converges'
            ? {}
            : {
                faultOf: ({host, step, direction}: {host: string; step: string; direction: string}) =>
                  host === bad && step === 'health' && direction === 'forward' ? ('release' as const) : undefined,
              }),
        };
        const verdict = simulate(scenario);
        expect(verdict.violations, describeVerdict(scenario, verdict)).toEqual([]);
        expect(verdict.end?.outcome, describeVerdict(scenario, verdict)).toBe(way === 'converges' ? 'converged' : 'rolled-back');
        for (const count of verdict.referee.fewestHeld) expect(count).toBeGreaterThanOrEqual(copies);
      }
    },
  );

  it('keeps its other rules whatever goes wrong, and takes nobody out who is the last', () => {
    for (let seed = 1; seed <= 1500; seed++) {
      const drawn = randomScenario(seed);
      const random = seedRandom(seed + 1_000_000);
      const all = drawn.hosts.map((host) => host.name);
      // Parts are neither switched at one time nor role after role.
      const {at: _, order: __, ...untimed} = drawn.plan;
      const plan = {...untimed, holders: drawHolders(random, all, Math.min(all.length, 2 + random.below(2)))};
      const scenario = {...drawn, plan};
      const verdict = simulate(scenario);
      expect(verdict.violations, describeVerdict(scenario, verdict)).toEqual([]);
    }
  });

  it('goes back under the same rule', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = seedRandom(seed);
      const all = [...names('eu', 5), ...names('us', 4)];
      const plan = planWith(
        all.map((name) => planHost(name)),
        drawHolders(random, all, 3),
      );
      const bad = random.pick(all);
      const scenario = {
        ...calmScenario(plan),
        random,
        name: `seed ${seed}`,
        faultOf: ({host, step, direction}: {host: string; step: string; direction: string}) =>
          host === bad && step === 'restart' && direction === 'forward' ? ('release' as const) : undefined,
      };
      const verdict = simulate(scenario);
      expect(verdict.violations, describeVerdict(scenario, verdict)).toEqual([]);
      expect(verdict.end?.outcome).toBe('rolled-back');
      for (const count of verdict.referee.fewest) expect(count).toBeGreaterThanOrEqual(2);
    }
  });
});

describe('orderByHolders()', () => {
  const set = (before: string[], after?: string[], least = 1): Holders => ({least, before, ...(after === undefined ? {} : {after})});

  it('leaves an order alone that can be carried out', () => {
    const hosts = names('eu', 3).map((name) => planHost(name));
    expect(orderByHolders(hosts, [set(['eu-1', 'eu-2'])], names('eu', 3))).toEqual({kind: 'order', hosts});
  });

  it('puts who gains before who gives, where the other way round would leave nobody', () => {
    const hosts = names('eu', 2).map((name) => planHost(name));
    const ordered = orderByHolders(hosts, [set(['eu-1'], ['eu-2'])], names('eu', 2));
    expect(ordered).toEqual({kind: 'order', hosts: [hosts[1], hosts[0]]});
  });

  it('moves a silo first whose hosts gain from those of another', () => {
    const hosts = [planHost('eu-1'), planHost('us-1')];
    const ordered = orderByHolders(hosts, [set(['eu-1'], ['us-1'])], ['eu-1', 'us-1']);
    expect(ordered).toEqual({kind: 'order', hosts: [hosts[1], hosts[0]]});
    const ring = orderByHolders(hosts, [set(['eu-1'], ['us-1']), set(['us-1'], ['eu-1'])], ['eu-1', 'us-1']);
    expect(ring).toMatchObject({kind: 'last', host: 'eu-1'});
  });

  it('lets nobody give up what fewer than all its copies would be left of', () => {
    const hosts = names('eu', 4).map((name) => planHost(name));
    const shared: Holders = {least: 0, copies: 2, before: ['eu-1', 'eu-2'], after: ['eu-2', 'eu-4']};
    expect(orderByHolders(hosts, [shared], names('eu', 4))).toEqual({kind: 'order', hosts: [hosts[1], hosts[2], hosts[3], hosts[0]]});
    expect(orderByHolders(hosts.slice(0, 1), [shared], names('eu', 4))).toEqual({kind: 'last', host: 'eu-1', set: shared});
  });

  it('names the host that nobody stands in for', () => {
    const hosts = names('eu', 2).map((name) => planHost(name));
    expect(orderByHolders(hosts, [set(['eu-1'])], names('eu', 2))).toEqual({kind: 'last', host: 'eu-1', set: set(['eu-1'])});
  });

  it('moves a host that serves nobody whatever it holds', () => {
    const hosts = [planHost('eu-1')];
    expect(orderByHolders(hosts, [set(['eu-1'])], [])).toEqual({kind: 'order', hosts});
  });
});

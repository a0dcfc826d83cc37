import {describe, expect, it} from 'vitest';
import type {RolloutPlan} from '../../src/lib/rollout/plan.js';
import type {FaultKind} from './fleet-model.js';
import {calmScenario, modelHost, planFor, planHost, type Scenario} from './scenario.js';
import {describeVerdict, simulate, type Verdict} from './simulation.js';

const sizes = [1, 2, 3, 4] as const;
const soaks = [0, 30_000] as const;

/** Every plan that is tried: hosts × budget × soak, the way of `command`. A silo keeps one host, but for a silo of one. */
function* plans(command: RolloutPlan['command']): Generator<RolloutPlan> {
  for (const size of sizes) {
    const hosts = Array.from({length: size}, (_, index) => planHost(`eu-${index + 1}`));
    for (const budget of [0, 1]) {
      for (const soakMs of soaks) yield planFor(hosts, {command, budget, soakMs, floors: {eu: size === 1 ? 0 : 1}});
    }
  }
}

/** Runs the plan with the Nth failure for N = 1, 2, … until the run is over before it; calls `check` for each run in which it happened. */
function failEach(
  plan: RolloutPlan,
  scenarioFor: (nth: number) => Scenario,
  hasHappened: (verdict: Verdict, nth: number) => boolean,
  check: (verdict: Verdict) => void,
): number {
  for (let nth = 1; ; nth++) {
    const verdict = simulate(scenarioFor(nth));
    if (verdict.violations.length > 0) expect.fail(describeVerdict(scenarioFor(nth), verdict));
    if (!hasHappened(verdict, nth)) {
      expect(verdict.end?.outcome, describeVerdict(scenarioFor(nth), verdict)).toBe('converged');
      return nth - 1;
    }
    try {
      check(verdict);
    } catch (error) {
      throw new Error(
        `${error instanceof Error ? error.message : String(error)}\n${plan.hosts.length} hosts, failure ${nth}\n${describeVerdict(scenarioFor(nth), verdict)}`,
        {cause: error},
      );
    }
  }
}

function failEachStep(plan: RolloutPlan, kind: FaultKind, check: (verdict: Verdict) => void): number {
  const scenarioFor = (nth: number): Scenario =>
    calmScenario(plan, {name: `${kind} at step ${nth}`, faultOf: (step) => (step.nth === nth ? kind : undefined)});
  return failEach(plan, scenarioFor, (verdict, nth) => verdict.steps >= nth, check);
}

/** All but the one that failed, unless its silo of two needs the other one to serve. */
function othersArrive({referee, model}: Verdict): number {
  const size = referee.plan.hosts.length;
  const isHeld = size === 2 && model.servingIn('eu').length === 1;
  return isHeld && referee.starved.has('eu') ? 0 : size - 1;
}

describe('the Nth failure, for every N', () => {
  it('G10: takes a deploy back on every host when the release is to blame, and the canary alone when it was the canary', () => {
    let runs = 0;
    for (const plan of plans('deploy')) {
      runs += failEachStep(plan, 'release', ({end, model, referee}) => {
        expect(end?.outcome).toBe('rolled-back');
        expect(plan.hosts.map((host) => model.releaseOf(host.name))).toEqual(plan.hosts.map(() => 'old'));
        expect(model.servingIn('eu')).toHaveLength(plan.hosts.length);
        const begun = plan.waves.slice(0, referee.wavesStarted.length).flatMap((wave) => wave.hosts);
        expect(begun).toEqual(expect.arrayContaining([...referee.touched]));
      });
    }
    expect(runs).toBeGreaterThan(250);
  });

  it('goes round one host that fails for its own reasons within the budget, and back without one', () => {
    for (const kind of ['host', 'lost-ack'] as const) {
      for (const plan of plans('deploy')) {
        failEachStep(plan, kind, (verdict) => {
          const {end, referee, model} = verdict;
          if (plan.budget === 0) return expect(end?.outcome).toBe('rolled-back');
          expect(end?.outcome).toBe('needs-attention');
          expect(referee.arrived.size).toBe(othersArrive(verdict));
          return expect(model.servingIn('eu').length).toBeGreaterThanOrEqual(plan.hosts.length - 1);
        });
      }
    }
  });

  it('leaves a host to the run that took it over, and starts nothing more', () => {
    for (const command of ['deploy', 'rollback'] as const) {
      for (const plan of plans(command)) {
        failEachStep(plan, 'fenced', ({end, referee}) => {
          expect(end).toMatchObject({outcome: 'needs-attention', code: 'leased'});
          expect(referee.beyondHelp.size).toBe(1);
          expect(referee.returned.size).toBe(0);
        });
      }
    }
  });

  it('never turns a rollback round: within the budget it goes on, beyond it it stops', () => {
    for (const kind of ['release', 'host', 'lost-ack'] as const) {
      for (const plan of plans('rollback')) {
        failEachStep(plan, kind, (verdict) => {
          const {end, referee} = verdict;
          expect(end?.outcome).toBe('needs-attention');
          expect(referee.returned.size).toBe(0);
          if (plan.budget > 0) expect(referee.arrived.size).toBe(othersArrive(verdict));
        });
      }
    }
  });

  it('G11: on the way back leaves that host as it is and brings the others back', () => {
    for (const kind of ['release', 'host', 'lost-ack', 'fenced'] as const) {
      for (const plan of plans('deploy')) {
        const hosts = plan.hosts.map((host, index) => modelHost(host, {healthyOnNew: index < plan.hosts.length - 1}));
        let backs = 0;
        const scenarioFor = (nth: number): Scenario => {
          backs = 0;
          return calmScenario(plan, {
            name: `${kind} at step ${nth} back`,
            hosts,
            faultOf: ({direction}) => (direction === 'back' && ++backs === nth ? kind : undefined),
          });
        };
        for (let nth = 1; ; nth++) {
          const verdict = simulate(scenarioFor(nth));
          if (verdict.violations.length > 0) expect.fail(describeVerdict(scenarioFor(nth), verdict));
          if (backs < nth) {
            expect(verdict.end?.outcome).toBe('rolled-back');
            break;
          }
          expect(verdict.end?.outcome).toBe('needs-attention');
          expect(verdict.referee.beyondHelp.size).toBe(1);
        }
      }
    }
  });

  it('stops at balancers that do not answer, changing nothing more', () => {
    for (const plan of plans('deploy')) {
      const scenarioFor = (nth: number): Scenario =>
        calmScenario(plan, {name: `read ${nth} fails`, isBalancerDown: (_atMs, read) => read >= nth});
      failEach(
        plan,
        scenarioFor,
        (verdict, nth) => verdict.reads >= nth,
        ({end, referee}) =>
          expect(end).toMatchObject({outcome: referee.touched.size === 0 ? 'refused' : 'needs-attention', code: 'unreachable'}),
      );
    }
  });

  it('A5 I3: finishes the hosts in hand after an interrupt at any event, and the run is resumable', () => {
    for (const command of ['deploy', 'rollback'] as const) {
      for (const plan of plans(command)) {
        const calm = simulate(calmScenario(plan)).trace.length;
        for (let nth = 1; nth < calm; nth++) {
          const scenario = calmScenario(plan, {name: `interrupt after event ${nth}`, interruptAtEvent: nth});
          const verdict = simulate(scenario);
          if (verdict.violations.length > 0) expect.fail(describeVerdict(scenario, verdict));
          expect(['interrupted', 'converged']).toContain(verdict.end?.outcome);
          expect(verdict.model.servingIn('eu')).toHaveLength(plan.hosts.length);
        }
      }
    }
  });

  it('ends a run whose host dies at any step and never comes back', () => {
    for (const command of ['deploy', 'rollback'] as const) {
      for (const plan of plans(command)) {
        const dead = new Set<string>();
        const scenarioFor = (nth: number): Scenario => {
          dead.clear();
          return calmScenario(plan, {
            name: `host dies at step ${nth}`,
            faultOf: (step) => {
              if (step.nth === nth) dead.add(step.host);
              return dead.has(step.host) ? 'host' : undefined;
            },
          });
        };
        failEach(
          plan,
          scenarioFor,
          (verdict, nth) => verdict.steps >= nth,
          ({end}) => expect(end?.outcome).toBe('needs-attention'),
        );
      }
    }
  });
});

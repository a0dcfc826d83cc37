import type {Effect, RolloutEvent} from '../../src/lib/rollout/state.js';
import {startRollout} from '../../src/lib/rollout/state.js';
import {step} from '../../src/lib/rollout/step.js';
import {FleetModel} from './fleet-model.js';
import {Referee} from './referee.js';
import type {Scenario} from './scenario.js';
import {traceLine} from './trace.js';

export interface Verdict {
  readonly violations: readonly string[];
  /** One line per event. */
  readonly trace: readonly string[];
  readonly end: Extract<Effect, {kind: 'end'}> | undefined;
  readonly referee: Referee;
  readonly model: FleetModel;
  /** Steps and reads that were carried out. */
  readonly steps: number;
  readonly reads: number;
  readonly virtualMs: number;
}

type Work = Exclude<Effect, {kind: 'announce'} | {kind: 'end'}>;

interface Due {
  readonly atMs: number;
  readonly run: () => void;
}

const mostEvents = 20_000;

/**
 * Drives the real `step` through a scenario in virtual time. An effect takes hold at one moment and is reported at a later one, so that
 * answers arrive in any order and a view of the balancers may be old when it is heard.
 */
export function simulate(scenario: Scenario): Verdict {
  const {plan, random} = scenario;
  const model = new FleetModel(plan, scenario.hosts);
  const referee = new Referee(plan, model);
  const trace: string[] = [];
  const agenda: Due[] = [];
  let nowMs = 0;
  let steps = 0;
  let reads = 0;
  let events = 0;
  let state = startRollout(plan);
  let end: Verdict['end'];

  const at = (atMs: number, run: () => void): void => void agenda.push({atMs, run});
  const deliver = (event: RolloutEvent): void => {
    events++;
    const before = state;
    const answer = step(state, event);
    state = answer.state;
    referee.watch(before, event, answer);
    trace.push(traceLine(nowMs, event, answer));
    if (events === scenario.interruptAtEvent) at(nowMs, () => deliver({kind: 'interrupt'}));
    for (const effect of answer.effects) {
      if (effect.kind === 'end') end = effect;
      else if (effect.kind !== 'announce') start(effect);
    }
  };
  /** `takesHold` happens first and its result is heard later. */
  const carry = (shortestMs: number, longestMs: number, takesHold: () => RolloutEvent): void => {
    const heldMs = nowMs + shortestMs + random.below(longestMs - shortestMs + 1);
    const heardMs = heldMs + random.below(longestMs + 1);
    at(heldMs, () => {
      const event = takesHold();
      at(heardMs, () => deliver(event));
    });
  };
  const start = (effect: Work): void => {
    switch (effect.kind) {
      case 'lease':
        carry(1, 800, () => leaseEvent(scenario, effect.host));
        return;
      case 'release':
        carry(1, 800, () => ({kind: 'released', host: effect.host}));
        return;
      case 'read-rotation': {
        const nth = ++reads;
        carry(effect.afterMs + 1, effect.afterMs + scenario.readMs, () => readRotation(scenario, model, effect.silo, nowMs, nth));
        return;
      }
      case 'await-time': {
        const {moment} = effect;
        const taken = scenario.takenWhileWaiting;
        if (taken !== undefined && moment === 'open')
          carry(1, 20_000, () => ({kind: 'lease-lost', host: taken, why: `${taken} was taken over`}));
        carry(1, 60_000, () =>
          scenario.missesTime && moment === 'open' && effect.offsetMs === 0
            ? {kind: 'time-missed', why: 'too late'}
            : {kind: 'time-come', moment},
        );
        return;
      }
      case 'soak':
        carry(effect.ms, effect.ms, () => {
          const failed = effect.hosts
            .filter(() => random.chance(scenario.soakFails))
            .map((host) => ({host, why: `${host} is not healthy any more`}));
          return {kind: 'soaked', failed};
        });
        return;
      case 'step': {
        const {host, direction} = effect;
        const fault = scenario.faultOf({nth: ++steps, host, step: effect.step, direction});
        carry(1, random.pick([50, 3000, 60_000]), () => {
          const result = model.carry(host, effect.step, fault);
          if (result.kind === 'done') return {kind: 'step-done', host, step: effect.step};
          return {
            kind: 'step-failed',
            host,
            step: effect.step,
            blame: result.blame,
            code: result.blame === 'release' ? 'unhealthy' : 'unreachable',
            why: result.why,
          };
        });
      }
    }
  };

  for (const death of scenario.deaths) {
    at(death.atMs, () => model.setAlive(death.host, false));
    if (death.backAtMs !== undefined) at(death.backAtMs, () => model.setAlive(death.host, true));
  }
  at(0, () => deliver({kind: 'begin'}));
  for (const atMs of scenario.interruptsMs) at(atMs, () => deliver({kind: 'interrupt'}));
  while (agenda.length > 0 && events < mostEvents) {
    const next = agenda.reduce((soonest, due, index) => (due.atMs < agenda[soonest]!.atMs ? index : soonest), 0);
    const [due] = agenda.splice(next, 1);
    nowMs = due!.atMs;
    due!.run();
  }
  referee.close(events >= mostEvents);
  return {violations: referee.violations, trace, end, referee, model, steps, reads, virtualMs: nowMs};
}

function leaseEvent(scenario: Scenario, host: string): RolloutEvent {
  const lease = scenario.hosts.find((each) => each.name === host)?.lease;
  if (lease === 'held-by-another') return {kind: 'lease-failed', host, code: 'leased', why: `${host} is leased by ben`};
  if (lease === 'unreachable') return {kind: 'lease-failed', host, code: 'unreachable', why: `${host} cannot be reached`};
  return {kind: 'leased', host};
}

function readRotation(scenario: Scenario, model: FleetModel, silo: string, nowMs: number, nth: number): RolloutEvent {
  if (scenario.isBalancerDown(nowMs, nth)) return {kind: 'rotation-failed', silo, code: 'unreachable', why: 'the balancer does not answer'};
  const others = [...new Set(scenario.hosts.map((host) => host.silo))].filter((each) => each !== silo);
  const elsewhere = scenario.plan.holders === undefined ? {} : {elsewhere: others.flatMap((each) => model.servingIn(each))};
  return {kind: 'rotation', silo, serving: model.servingIn(silo), ...elsewhere};
}

/** The test's message: what was broken, and the way there. */
export function describeVerdict(scenario: Scenario, verdict: Verdict): string {
  const {command, budget, floors, steps, back} = scenario.plan;
  const heading = `${scenario.name}: ${command}${back === undefined ? '' : ' (back)'}, budget ${budget}, floors ${JSON.stringify(floors)}, steps ${steps.join(' ')}`;
  const trace = verdict.trace.length > 120 ? [...verdict.trace.slice(0, 90), '...', ...verdict.trace.slice(-30)] : verdict.trace;
  return [heading, ...verdict.violations.slice(0, 5).map((each) => `  violated: ${each}`), ...trace].join('\n');
}

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

/** How a run is played, where it is not played to its end by the real code. */
export interface Staging {
  /** The world as an earlier part of the run has left it. */
  readonly model?: FleetModel;
  /** The controller dies after this many events. */
  readonly crashAtEvent?: number;
  /** What it had asked for happens all the same. */
  readonly orphansFinish?: boolean;
  /** A run that is wrong on purpose: in what it does, or in the plan that it believes. */
  readonly react?: typeof step;
  readonly believed?: Scenario['plan'];
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
export function simulate(scenario: Scenario, how: Staging = {}): Verdict {
  const {plan, random} = scenario;
  const {model = new FleetModel(plan, scenario.hosts), react = step, believed = plan} = how;
  const referee = new Referee(plan, model);
  const trace: string[] = [];
  const agenda: Due[] = [];
  const pending = new Set<() => unknown>();
  let nowMs = 0;
  let steps = 0;
  let reads = 0;
  let tasks = 0;
  let events = 0;
  let state = startRollout(believed);
  let end: Verdict['end'];

  const at = (atMs: number, run: () => void): void => void agenda.push({atMs, run});
  const deliver = (event: RolloutEvent): void => {
    events++;
    const before = state;
    const answer = react(state, event);
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
    pending.add(takesHold);
    at(heldMs, () => {
      pending.delete(takesHold);
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
      case 'task':
        carry(1, 90_000, () => runTask(scenario, model, effect, ++tasks));
        return;
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
  while (agenda.length > 0 && events < (how.crashAtEvent ?? mostEvents)) {
    const next = agenda.reduce((soonest, due, index) => (due.atMs < agenda[soonest]!.atMs ? index : soonest), 0);
    const [due] = agenda.splice(next, 1);
    nowMs = due!.atMs;
    due!.run();
  }
  if (how.crashAtEvent === undefined || end !== undefined) referee.close(events >= mostEvents);
  else if (how.orphansFinish === true) for (const takesHold of pending) takesHold();
  return {violations: referee.violations, trace, end, referee, model, steps, reads, virtualMs: nowMs};
}

/** Runs a once task in the world, as the hosts' marks allow: a task that this run has begun is only waited for. */
function runTask(scenario: Scenario, model: FleetModel, {host, task}: Extract<Effect, {kind: 'task'}>, nth: number): RolloutEvent {
  const fault = scenario.taskFault(task, nth);
  const failed = {kind: 'task-failed', task, host, how: fault ?? 'failed', code: 'needs-attention', why: `once.${task} ${fault}`} as const;
  if (!model.isAlive(host)) return {...failed, how: model.hasBegun(task, host) ? 'unknown' : 'not-begun', why: `${host} does not answer`};
  if (fault === 'not-begun' || fault === 'held' || fault === 'fenced') return failed;
  model.runTask(task, host);
  return fault === undefined ? {kind: 'task-done', task, host} : failed;
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

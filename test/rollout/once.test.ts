import {describe, expect, it} from 'vitest';
import type {HostState, JournalLine} from '../../src/lib/host/host-state.js';
import {planRest} from '../../src/lib/operations/plan-rest.js';
import type {OncePlan, RolloutPlan} from '../../src/lib/rollout/plan.js';
import {step} from '../../src/lib/rollout/step.js';
import {Conversation} from './conversation.js';
import type {FleetModel} from './fleet-model.js';
import {calmScenario, modelHost, planFor, planHost, type Scenario} from './scenario.js';
import {describeVerdict, type Staging, simulate, type Verdict} from './simulation.js';

const three = ['eu-1', 'eu-2', 'eu-3'];
const once: OncePlan = {before: 'expand', after: 'contract', deadlineMs: 60_000, hosts: three};
const hosts = three.map((name) => planHost(name));
const plan = planFor(hosts, {floors: {eu: 1}, once});

/** What the hosts of the model would say of themselves to a resume, after all that controllers have done so far. */
function stateOf(model: FleetModel, sofar: readonly Verdict[], name: string): HostState {
  const live = model.releaseOf(name);
  const line = (run: string, event: string, detail: string): JournalLine => ({at: '', epoch: '1', run, event, detail});
  const isTouched = sofar.some(({referee}) => referee.touched.has(name));
  const hasConfirmed = sofar.some(
    ({referee, trace}) => referee.arrived.has(name) || trace.some((each) => each.includes(`step-done ${name} confirm`)),
  );
  const isDone = (task: 'before' | 'after'): boolean => sofar.some(({referee}) => referee.tasksDone.has(task));
  return {
    ...{
      fresh: false,
      missing: [],
      tools: new Set(),
      unsafe: undefined,
      releases: ['old', 'new'],
      parts: new Map(),
      epoch: 1,
      pins: [],
      plans: [],
      lease: undefined,
      pausedBy: undefined,
      isPauseEnding: false,
    },
    ...{live, openRuns: sofar.at(-1)?.end === undefined ? [plan.run] : [], decisions: new Map()},
    tasks: (['before', 'after'] as const)
      .filter((task) => model.taskRuns.has(`${task} ${name}`))
      .map((task) => ({run: plan.run, task, state: isDone(task) ? 'done' : 'running'})),
    journal: [
      line('r0', 'confirmed', 'old'),
      ...(isTouched ? [line(plan.run, 'draining', ''), line(plan.run, 'intent', 'old new')] : []),
      ...(hasConfirmed ? [line(plan.run, 'confirmed', 'new')] : []),
    ],
  };
}

/** Another controller that goes on from what hosts say, and may die as well. */
function goOn(sofar: readonly [Verdict, ...Verdict[]], how: Staging): {rest: Verdict; resumed: Scenario} {
  const [{model}] = sofar;
  const states = new Map(three.map((name) => [name, stateOf(model, sofar, name)]));
  const rotation = hosts.map((host) => ({
    host: {name: host.name} as never,
    state: model.isServing(host.name) ? ('in' as const) : ('out' as const),
    sessions: 0,
  }));
  const restPlan = planRest(plan, states, rotation);
  const resumed = calmScenario(restPlan, {
    hosts: hosts.map((host) => modelHost(host, {live: model.releaseOf(host.name)})),
    name: JSON.stringify(how),
  });
  return {resumed, rest: simulate(resumed, {...how, model})};
}

/** A controller that dies after `crashAtEvent` events. */
function crash(how: Staging): Verdict {
  return simulate(calmScenario(plan), how);
}

describe('once tasks', () => {
  it('run ahead of the first host and after the last, on the first host whose lease is there', () => {
    const run = new Conversation(plan);
    expect(run.begin()).toEqual(['once before eu-1']);
    expect(run.tell({kind: 'task-done', task: 'before', host: 'eu-1'})).toEqual(['"wave-started"', 'read eu']);
    const other = new Conversation({...plan, budget: 1});
    other.tell({kind: 'begin'});
    other.tell({kind: 'lease-failed', host: 'eu-1', code: 'unreachable', why: 'gone'});
    other.tell({kind: 'leased', host: 'eu-2'});
    expect(other.tell({kind: 'leased', host: 'eu-3'})).toEqual(['once before eu-2']);
  });

  it('I3: a failed expand ends the run as it began, a failed contract leaves the fleet converged and asks', () => {
    for (const task of ['before', 'after'] as const) {
      const verdict = simulate(calmScenario(plan, {taskFault: (name) => (name === task ? 'failed' : undefined)}));
      expect(verdict.violations).toEqual([]);
      expect(verdict.end?.outcome).toBe(task === 'before' ? 'rolled-back' : 'needs-attention');
      expect(new Set(three.map((name) => verdict.model.releaseOf(name)))).toEqual(new Set([task === 'before' ? 'old' : 'new']));
    }
  });

  it('are finished before an interrupt ends the run', () => {
    const run = new Conversation(plan);
    run.begin();
    expect(run.tell({kind: 'interrupt'})).toEqual([]);
    expect(run.tell({kind: 'task-done', task: 'before', host: 'eu-1'})).toContain('release eu-1');
    expect(run.end()).toEqual(['END interrupted interrupted']);
  });

  it('A1 A3 I3: run once each, whenever the controller dies and whatever of its wishes still happens', () => {
    let runs = 0;
    for (const orphansFinish of [false, true]) {
      for (let crashAtEvent = 1; ; crashAtEvent++) {
        const first = crash({crashAtEvent, orphansFinish});
        if (first.end !== undefined) break;
        const {rest, resumed} = goOn([first], {});
        runs++;
        if (rest.violations.length > 0) expect.fail(describeVerdict(resumed, rest));
        expect(rest.end?.outcome, describeVerdict(resumed, rest)).toBe('converged');
        expect([rest.model.countRuns('before'), rest.model.countRuns('after')]).toEqual([1, 1]);
      }
    }
    expect(runs).toBeGreaterThan(60);
  });

  it('A4 I3: run once each, also when whoever goes on dies as well, at any moment', () => {
    let runs = 0;
    for (const orphansFinish of [false, true]) {
      for (let one = 1; ; one++) {
        if (crash({crashAtEvent: one, orphansFinish}).end !== undefined) break;
        for (let other = 1; ; other++) {
          const first = crash({crashAtEvent: one, orphansFinish});
          const second = goOn([first], {crashAtEvent: other, orphansFinish});
          if (second.rest.end !== undefined) break;
          const {rest, resumed} = goOn([first, second.rest], {});
          runs++;
          const tried = `crash at ${one}, then at ${other}: ${describeVerdict(resumed, rest)}`;
          if (rest.violations.length > 0) expect.fail(tried);
          expect(rest.end?.outcome, tried).toBe('converged');
          expect([rest.model.countRuns('before'), rest.model.countRuns('after')], tried).toEqual([1, 1]);
        }
      }
    }
    expect(runs).toBeGreaterThan(500);
  });

  it('A2 I8: are not begun by a rollback after a crash, which brings every host back that had moved', () => {
    let moved = 0;
    for (let crashAtEvent = 1; ; crashAtEvent++) {
      const first = crash({crashAtEvent, orphansFinish: true});
      if (first.end !== undefined) break;
      const {model} = first;
      // Past the contract there is no way back.
      if (model.countRuns('after') > 0) continue;
      const left = hosts.filter(({name}) => model.releaseOf(name) === 'new').map((host) => ({...host, from: 'new', to: 'old'}));
      if (left.length === 0) continue;
      moved++;
      const back = calmScenario(planFor(left, {command: 'rollback', floors: {eu: 1}}), {
        hosts: hosts.map((host) => {
          const {name} = host;
          const now = {live: model.releaseOf(name), drainedAtStart: !model.isServing(name)};
          return modelHost(left.find((each) => each.name === name) ?? host, now);
        }),
        name: `crash at ${crashAtEvent}`,
      });
      const verdict = simulate(back);
      if (verdict.violations.length > 0) expect.fail(describeVerdict(back, verdict));
      expect(verdict.end?.outcome, describeVerdict(back, verdict)).toBe('converged');
      expect(three.map((name) => verdict.model.releaseOf(name))).toEqual(['old', 'old', 'old']);
      expect(verdict.model.taskRuns.size).toBe(0);
    }
    expect(moved).toBeGreaterThan(10);
  });

  it('whose host cannot be asked how it ended are left to a person', () => {
    const verdict = simulate(
      calmScenario(
        {...plan, once: {...once, begun: {before: 'eu-1'}}, budget: 1},
        {hosts: hosts.map((host, index) => modelHost(host, index === 0 ? {lease: 'unreachable'} : {}))},
      ),
    );
    expect(verdict.violations).toEqual([]);
    expect(verdict.end).toMatchObject({outcome: 'needs-attention'});
    expect(verdict.end?.why).toContain('drover resume r1 --once-done before, or: drover resume r1 --once-again before');
  });
});

describe('the referee', () => {
  const violationsOf = (scenario: Scenario, how: Staging): string => simulate(scenario, how).violations.join('\n');

  it('sees a task that is given to another host after nobody could tell how it ended', () => {
    const react: typeof step = (state, event) => step(state, event.kind === 'task-failed' ? {...event, how: 'not-begun'} : event);
    const scenario = calmScenario(plan, {taskFault: (_task, nth) => (nth === 1 ? 'unknown' : undefined)});
    expect(simulate(scenario).violations).toEqual([]);
    expect(violationsOf(scenario, {react})).toMatch(/not asked for again[\s\S]*once\.before ran on 2 hosts/);
  });

  it('sees a run that moves hosts ahead of its expand', () => {
    const {before: _left, ...believed} = once;
    expect(violationsOf(calmScenario(plan), {believed: {...plan, once: believed}})).toContain(
      'forward drain of eu-1 comes after once.before',
    );
  });

  it('sees a contract while a host has not arrived', () => {
    const react: typeof step = (state, event) => {
      const answer = step(state, event);
      const isEarly = event.kind === 'task-done' && event.task === 'before';
      return isEarly ? {...answer, effects: [...answer.effects, {kind: 'task', task: 'after', host: 'eu-1'}]} : answer;
    };
    expect(violationsOf(calmScenario(plan), {react})).toContain('once.after comes when every host has arrived, 0 of 3 have');
  });

  it('sees a resume that forgets where a task was begun', () => {
    const begun: RolloutPlan = {...plan, once: {...once, begun: {before: 'eu-2'}}};
    expect(simulate(calmScenario(begun)).violations).toEqual([]);
    expect(violationsOf(calmScenario(begun), {believed: plan})).toMatch(/eu-1 is not asked for it[\s\S]*ran on 2 hosts/);
  });

  it('sees a run that closes itself on hosts while its contract waits', () => {
    const react: typeof step = (state, event) => {
      const answer = step(state, event);
      const effects = answer.effects.map((effect) => (effect.kind === 'release' ? {...effect, ended: 'converged'} : effect));
      return {...answer, effects};
    };
    const scenario = calmScenario(plan, {taskFault: (task) => (task === 'after' ? 'held' : undefined)});
    expect(simulate(scenario).violations).toEqual([]);
    expect(violationsOf(scenario, {react})).toContain('the run stays open on eu-1 until once.after is done');
  });
});

import {describe, expect, it} from 'vitest';
import {groupByRole} from '../../src/lib/operations/role-order.js';
import {planOrderedWaves} from '../../src/lib/rollout/waves.js';
import {Conversation} from './conversation.js';
import {calmScenario, modelHost, planFor, planHost} from './scenario.js';
import {describeVerdict, simulate} from './simulation.js';

const workers = ['eu-1', 'us-1'];
const webs = ['eu-2', 'eu-3', 'us-2'];
const names = [...workers, ...webs];
const hosts = names.map((name) => planHost(name));
const groups = [
  {role: 'worker', hosts: hosts.slice(0, 2)},
  {role: 'web', hosts: hosts.slice(2)},
];
const waves = planOrderedWaves(groups, [
  {kind: 'count', count: 1},
  {kind: 'percent', percent: 100},
]);
const plan = planFor(hosts, {floors: {eu: 1, us: 1}, waves, order: [workers, webs]});
const unordered = planFor(hosts, {floors: {eu: 1, us: 1}, waves});

describe('roles that have an order', () => {
  it('move one after another: all waves of one end before those of the next', () => {
    expect(waves.map((wave) => `${wave.name}: ${wave.hosts.join(' ')}`)).toEqual([
      ...['worker eu canary: eu-1', 'worker us canary: us-1'],
      ...['web eu canary: eu-2', 'web eu 100%: eu-3', 'web us canary: us-2'],
    ]);
    const verdict = simulate(calmScenario(plan));
    expect(verdict.violations).toEqual([]);
    expect(verdict.end?.outcome).toBe('converged');
  });

  it('go back in reverse, and a host of an earlier role waits until those after it are back', () => {
    const run = new Conversation(plan);
    run.begin();
    for (const name of names.slice(0, 4)) {
      run.serve(name.slice(0, 2), ...names.filter((each) => each.startsWith(name.slice(0, 2))));
      run.finish(name, name === 'eu-3' ? 'health' : undefined);
    }
    expect(run.fail('eu-3', 'health')).toEqual(['"wave-ended"', '"rolling-back"', 'read eu']);
    expect(run.serve('eu', 'eu-1', 'eu-2')).toEqual(['drain eu-3', 'drain eu-2']);
    expect(run.finish('eu-3'), 'eu-2 is not back yet').toEqual([]);
    expect(run.finish('eu-2')).toEqual(['read eu', 'read us']);
    expect(run.serve('us', 'us-1', 'us-2')).toEqual(['drain us-1']);
    expect(run.serve('eu', 'eu-1', 'eu-2', 'eu-3')).toEqual(['drain eu-1']);
    run.finish('us-1');
    run.finish('eu-1');
    expect(run.end()).toEqual(['END rolled-back unhealthy']);
  });

  it('keep it whichever host fails, also on the way back, and the referee sees a run that does not', () => {
    for (const last of names) {
      const scenario = calmScenario(plan, {hosts: hosts.map((host) => modelHost(host, {healthyOnNew: host.name !== last}))});
      const verdict = simulate(scenario);
      if (verdict.violations.length > 0) expect.fail(describeVerdict(scenario, verdict));
      expect(verdict.end?.outcome).toBe('rolled-back');
    }
    const late = calmScenario(plan, {hosts: hosts.map((host) => modelHost(host, {healthyOnNew: host.name !== 'us-2'}))});
    expect(simulate(late, {believed: unordered}).violations.join('\n')).toMatch(/goes back in its turn/);
    const backward = {...unordered, waves: [...waves].reverse()};
    expect(simulate(calmScenario(plan), {believed: backward}).violations.join('\n')).toMatch(/goes forward in its turn/);
  });

  it('are planned from the inventory: under the first role of the order, the rest last, a rollback the other way round', () => {
    const roles: Readonly<Record<string, readonly string[]>> = {
      'eu-1': ['web', 'worker'],
      'us-1': ['worker'],
      'eu-2': ['web'],
      'eu-3': ['web'],
      'us-2': ['db'],
    };
    const inventory = {file: 'i.yml', hosts: names.map((name) => ({name, silo: name.slice(0, 2), roles: roles[name], ssh: {}}))};
    const app = {name: 'code', roll: {order: ['worker', 'web']}};
    const group = (command: 'deploy' | 'rollback'): string[] =>
      (groupByRole(inventory as never, app as never, command, hosts) ?? []).map(
        (each) => `${each.role} ${each.hosts.map(({name}) => name).join(' ')}`,
      );
    expect(group('deploy')).toEqual(['worker eu-1 us-1', 'web eu-2 eu-3', 'other us-2']);
    expect(group('rollback')).toEqual(['other us-2', 'web eu-2 eu-3', 'worker eu-1 us-1']);
    expect(() => groupByRole(inventory as never, {...app, partitions: {}} as never, 'deploy', hosts)).toThrow('roll.order cannot be kept');
  });
});

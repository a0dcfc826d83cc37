import {describe, expect, it} from 'vitest';
import {Conversation} from './conversation.js';
import {planFor, planHost} from './scenario.js';

const three = ['eu-1', 'eu-2', 'eu-3'];
const hosts = three.map((name) => planHost(name));
const waves = [
  {name: 'eu canary', silo: 'eu', hosts: ['eu-1']},
  {name: 'eu 100%', silo: 'eu', hosts: ['eu-2', 'eu-3']},
];
const converse = (more: Parameters<typeof planFor>[1] = {}): Conversation => {
  const run = new Conversation(planFor(hosts, {floors: {eu: 1}, waves, ...more}));
  run.begin();
  return run;
};
const lost = {blame: 'host', code: 'unreachable', why: 'no way to the host'} as const;

describe('a deploy whose release fails', () => {
  it('G10: on the canary takes the canary back and touches nobody else', () => {
    const run = converse();
    run.serve('eu', ...three);
    run.finish('eu-1', 'health');
    expect(run.fail('eu-1', 'health')).toEqual(['"wave-ended"', '"rolling-back"', 'read eu']);
    expect(run.serve('eu', 'eu-2', 'eu-3')).toEqual(['drain eu-1']);
    run.finish('eu-1');
    expect(run.end()).toEqual(['END rolled-back unhealthy']);
    expect(run.said.filter((word) => /^\w+ eu-[23]$/.test(word) && !word.startsWith('lease'))).toEqual([]);
  });

  it('goes the same way back, with revert for switch and without warming', () => {
    const run = converse();
    run.serve('eu', ...three);
    run.finish('eu-1', 'admit');
    run.fail('eu-1', 'admit');
    const before = run.said.length;
    run.serve('eu', 'eu-2', 'eu-3');
    run.finish('eu-1');
    expect(run.said.slice(before, before + 5)).toEqual(['drain eu-1', 'revert eu-1', 'restart eu-1', 'health eu-1', 'admit eu-1']);
  });

  it('later takes back the canary as well, and what is in hand once its step has ended', () => {
    const run = converse({floors: {eu: 0}});
    run.serve('eu', ...three);
    run.finish('eu-1');
    run.serve('eu', ...three);
    run.finish('eu-2', 'health');
    run.finish('eu-3', 'restart');
    expect(run.fail('eu-2', 'health')).toEqual(['"wave-ended"', '"rolling-back"', 'read eu']);
    expect(run.serve('eu', 'eu-1')).toEqual(['drain eu-2', 'drain eu-1']);
    expect(run.done('eu-3', 'restart'), 'no step forward any more').toEqual(['read eu']);
    expect(run.serve('eu')).toEqual(['drain eu-3']);
    for (const host of three) run.finish(host);
    expect(run.end()).toEqual(['END rolled-back unhealthy']);
  });

  it('at the soak goes back although every host had arrived', () => {
    const run = converse({soakMs: 30_000});
    run.serve('eu', ...three);
    expect(run.finish('eu-1')).toEqual(['soak eu-1']);
    expect(run.tell({kind: 'soaked', failed: [{host: 'eu-1', why: 'eu-1 fell ill'}]})).toEqual([
      '"wave-ended"',
      '"rolling-back"',
      'read eu',
    ]);
    run.serve('eu', ...three);
    run.finish('eu-1');
    expect(run.end()).toEqual(['END rolled-back unhealthy']);
    expect(run.effects).toMatchObject([{why: 'eu-1 fell ill'}]);
  });

  it('G11: and whose way back fails on a host leaves that host, brings the others back, and needs attention', () => {
    const run = converse({floors: {eu: 0}});
    run.serve('eu', ...three);
    run.finish('eu-1');
    run.serve('eu', ...three);
    run.finish('eu-2', 'health');
    run.fail('eu-2', 'health');
    run.finish('eu-3', 'switch');
    run.done('eu-3', 'switch');
    run.serve('eu', 'eu-1');
    run.fail('eu-2', 'drain', lost);
    run.finish('eu-1');
    run.serve('eu', 'eu-1');
    run.finish('eu-3');
    expect(run.wanted('release eu-1 (needs-attention)')).toBe(true);
    expect(run.wanted('release eu-2')).toBe(true);
    expect(run.end()).toEqual(['END needs-attention unhealthy']);
  });

  it('closes the run on hosts that it never touched, so that a resume leaves them alone', () => {
    const run = converse();
    run.serve('eu', ...three);
    run.fail('eu-1', 'drain');
    run.serve('eu', 'eu-2', 'eu-3');
    run.fail('eu-1', 'drain', lost);
    expect(run.said).toEqual(expect.arrayContaining(['release eu-1', 'release eu-2 (needs-attention)', 'release eu-3 (needs-attention)']));
  });
});

describe('the budget of a deploy', () => {
  it('pays for a host that is lost: the run goes round it and needs attention at the end', () => {
    const run = converse({budget: 1});
    run.serve('eu', ...three);
    expect(run.fail('eu-1', 'drain', lost)).toEqual(['"wave-ended"', '"wave-started"', 'read eu']);
    run.serve('eu', 'eu-2', 'eu-3');
    run.finish('eu-2');
    run.serve('eu', 'eu-2', 'eu-3');
    run.finish('eu-3');
    expect(run.end()).toEqual(['END needs-attention']);
    expect(run.effects).toMatchObject([{why: 'no way to the host'}]);
  });

  it('also pays for hosts that could not be leased, and is spent by the next one: everything goes back', () => {
    const run = new Conversation(planFor(hosts, {floors: {eu: 0}, waves, budget: 1}));
    run.tell({kind: 'begin'});
    run.tell({kind: 'lease-failed', host: 'eu-3', code: 'unreachable', why: 'eu-3 cannot be reached'});
    run.tell({kind: 'leased', host: 'eu-1'});
    run.tell({kind: 'leased', host: 'eu-2'});
    run.serve('eu', 'eu-1', 'eu-2');
    run.finish('eu-1');
    run.serve('eu', 'eu-1', 'eu-2');
    expect(run.fail('eu-2', 'drain', lost)).toEqual(['"wave-ended"', '"rolling-back"', 'read eu']);
    expect(run.serve('eu', 'eu-1')).toEqual(['drain eu-2', 'drain eu-1']);
    run.finish('eu-1');
    run.finish('eu-2');
    expect(run.end()).toEqual(['END rolled-back unreachable']);
    expect(run.effects).toMatchObject([{why: '2 hosts failed, the budget is 1: no way to the host'}]);
  });

  it('does not pay for the canary twice: until one host has arrived, no more are in hand than the canary had', () => {
    const run = converse({budget: 1, floors: {eu: 0}});
    run.serve('eu', ...three);
    run.fail('eu-1', 'drain', lost);
    expect(run.serve('eu', 'eu-2', 'eu-3')).toEqual(['drain eu-2']);
    expect(run.finish('eu-2')).toEqual(['read eu']);
    expect(run.serve('eu', 'eu-2', 'eu-3')).toEqual(['drain eu-3']);
  });
});

describe('a rollback', () => {
  it('never turns round: it goes on within its budget, whoever is to blame', () => {
    const run = converse({command: 'rollback', budget: 1, floors: {eu: 0}});
    run.serve('eu', ...three);
    run.finish('eu-1', 'health');
    expect(run.fail('eu-1', 'health')).toEqual(['"wave-ended"', '"wave-started"', 'read eu']);
  });

  it('beyond its budget stops where it is, with what is in hand finished', () => {
    const run = converse({command: 'rollback', budget: 0, floors: {eu: 0}});
    run.serve('eu', ...three);
    run.finish('eu-1');
    run.serve('eu', ...three);
    expect(run.fail('eu-2', 'health')).toEqual([]);
    expect(run.fail('eu-2', 'drain')).toEqual([]);
    run.finish('eu-3');
    expect(run.end()).toEqual(['END needs-attention unhealthy']);
    expect(run.said.some((word) => word.startsWith('revert'))).toBe(false);
    expect(run.state.hosts.get('eu-3')).toEqual({kind: 'done'});
  });

  it('that was resumed on its way back goes back, since its plan says so', () => {
    const run = converse({command: 'rollback', back: 'eu-1 took the release back', floors: {eu: 0}});
    expect(run.said.slice(-2)).toEqual(['"rolling-back"', 'read eu']);
    run.serve('eu', ...three);
    for (const host of three) run.finish(host);
    expect(run.end()).toEqual(['END rolled-back unhealthy']);
  });
});

describe('a run resumed on its way back', () => {
  const back = 'eu-1 took the release back';

  it('starts no wave and brings every host of its plan back', () => {
    const run = converse({back, floors: {eu: 1}});
    expect(run.wanted('"wave-started"')).toBe(false);
    expect(run.serve('eu', 'eu-2', 'eu-3')).toEqual(['drain eu-1', 'drain eu-2']);
    run.finish('eu-1');
    run.finish('eu-2');
    run.serve('eu', ...three);
    run.finish('eu-3');
    expect(run.end()).toEqual(['END rolled-back unhealthy']);
    expect(run.effects).toMatchObject([{why: back}]);
  });

  it('is not held up by hosts out of reach, and does not call the fleet rolled back without them', () => {
    const run = new Conversation(planFor(hosts, {floors: {eu: 0}, waves, budget: 0, back}));
    run.tell({kind: 'begin'});
    run.tell({kind: 'lease-failed', host: 'eu-1', code: 'unreachable', why: 'eu-1 cannot be reached'});
    run.tell({kind: 'lease-failed', host: 'eu-2', code: 'unreachable', why: 'eu-2 cannot be reached'});
    run.tell({kind: 'leased', host: 'eu-3'});
    expect(run.serve('eu', ...three)).toEqual(['drain eu-3']);
    run.finish('eu-3');
    expect(run.end()).toEqual(['END needs-attention unhealthy']);
  });
});

describe('a run resumed on its way forward', () => {
  const resumed = [planHost('eu-1', {earlier: 'done'}), planHost('eu-2', {earlier: 'begun'}), planHost('eu-3')];

  it('does not move again what had arrived, and converges with it', () => {
    const run = new Conversation(planFor(resumed, {floors: {eu: 0}, waves}));
    run.begin();
    expect(run.serve('eu', ...three)).toEqual(['drain eu-2', 'drain eu-3']);
    run.finish('eu-2');
    run.finish('eu-3');
    expect(run.end()).toEqual(['END converged']);
    expect(run.wanted('drain eu-1')).toBe(false);
  });

  it('takes back what an earlier part of it changed, when the release fails now', () => {
    const run = new Conversation(planFor(resumed, {floors: {eu: 2}, waves}));
    run.begin();
    expect(run.serve('eu', ...three)).toEqual(['drain eu-2']);
    run.fail('eu-2', 'drain');
    for (const [index, host] of ['eu-2', 'eu-1'].entries()) {
      expect(run.serve('eu', ...three), `host ${index}`).toEqual([`drain ${host}`]);
      run.finish(host);
    }
    expect(run.end()).toEqual(['END rolled-back unhealthy']);
  });
});

describe('a restart hook that has run before in this run', () => {
  it('is not run again', () => {
    const run = converse();
    run.serve('eu', ...three);
    run.done('eu-1', 'drain');
    expect(run.tell({kind: 'step-done', host: 'eu-1', step: 'switch', restarted: true})).toEqual(['health eu-1']);
  });
});

describe('results of steps that were not asked for', () => {
  it('change nothing', () => {
    const run = converse();
    run.serve('eu', ...three);
    const {state} = run;
    expect(run.done('eu-1', 'health')).toEqual([]);
    expect(run.fail('eu-1', 'switch')).toEqual([]);
    expect(run.done('eu-3', 'drain')).toEqual([]);
    expect(run.state).toEqual(state);
  });
});

import {describe, expect, it} from 'vitest';
import {startRollout} from '../../src/lib/rollout/state.js';
import {Conversation} from './conversation.js';
import {planFor, planHost} from './scenario.js';

const three = [planHost('eu-1'), planHost('eu-2'), planHost('eu-3')];
const refuse = {kind: 'lease-failed', code: 'leased', why: 'eu-2 is leased by ben for run b7'} as const;
const vanish = {kind: 'lease-failed', code: 'unreachable', why: 'eu-2 cannot be reached'} as const;

describe('the leases of a run', () => {
  it('are asked for all at once', () => {
    expect(new Conversation(planFor(three)).tell({kind: 'begin'})).toEqual(['lease eu-1', 'lease eu-2', 'lease eu-3']);
  });

  it('all come before the first look at the balancers', () => {
    const run = new Conversation(planFor(three));
    run.tell({kind: 'begin'});
    expect(run.tell({kind: 'leased', host: 'eu-3'})).toEqual([]);
    expect(run.tell({kind: 'leased', host: 'eu-1'})).toEqual([]);
    expect(run.tell({kind: 'leased', host: 'eu-2'})).toEqual(['"wave-started"', 'read eu']);
  });

  it('are given back, closed, when another run holds one: refused as leased', () => {
    const run = new Conversation(planFor(three, {budget: 10}));
    run.tell({kind: 'begin'});
    run.tell({kind: 'leased', host: 'eu-1'});
    expect(run.tell({...refuse, host: 'eu-2'})).toEqual([]);
    expect(run.tell({kind: 'leased', host: 'eu-3'})).toEqual([
      '"host-ended"',
      'release eu-1 (refused)',
      '"host-ended"',
      '"host-ended"',
      'release eu-3 (refused)',
    ]);
    expect(run.end()).toEqual(['END refused leased']);
  });

  it('are given back when more hosts are out of reach than the budget allows, with the number of them', () => {
    const run = new Conversation(planFor(three, {budget: 1}));
    run.tell({kind: 'begin'});
    run.tell({...vanish, host: 'eu-1'});
    run.tell({...vanish, host: 'eu-2'});
    run.tell({kind: 'leased', host: 'eu-3'});
    expect(run.end()).toEqual(['END refused unreachable']);
    expect(run.effects).toMatchObject([{why: '2 hosts cannot be used, the budget is 1: eu-2 cannot be reached'}]);
  });

  it('may lack a host that the budget covers: the others go, and the run needs attention for its debt', () => {
    const run = new Conversation(planFor([three[0]!, three[1]!], {budget: 1, floors: {eu: 0}}));
    run.tell({kind: 'begin'});
    run.tell({...vanish, host: 'eu-2'});
    expect(run.tell({kind: 'leased', host: 'eu-1'})).toEqual(['"wave-started"', 'read eu']);
    run.serve('eu', 'eu-1');
    run.finish('eu-1');
    expect(run.end()).toEqual(['END needs-attention']);
    expect(run.wanted('release eu-2')).toBe(false);
  });

  it('are refused when no host at all can be reached, whatever the budget', () => {
    const run = new Conversation(planFor([three[0]!], {budget: 10}));
    run.tell({kind: 'begin'});
    expect(run.tell({...vanish, host: 'eu-1'})).toEqual(['"host-ended"', 'END refused unreachable']);
  });

  it('leave the run open on the hosts of a resumed run that is refused, so that it can be resumed again', () => {
    const run = new Conversation(planFor([planHost('eu-1', {earlier: 'begun'}), planHost('eu-2')]));
    run.tell({kind: 'begin'});
    run.tell({kind: 'leased', host: 'eu-1'});
    expect(run.tell({...refuse, host: 'eu-2'})).toContain('release eu-1');
    expect(run.end()).toEqual(['END refused leased']);
  });
});

describe('a plan', () => {
  it('without hosts has converged', () => {
    expect(new Conversation(planFor([])).tell({kind: 'begin'})).toEqual(['END converged']);
  });

  it('without a switch is a bug, found before anything happens', () => {
    expect(() => startRollout(planFor(three, {steps: ['drain', 'admit']}))).toThrow('a plan without a switch');
  });
});

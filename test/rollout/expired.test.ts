import {describe, expect, it} from 'vitest';
import {Conversation} from './conversation.js';
import {planFor, planHost} from './scenario.js';

const three = [planHost('eu-1'), planHost('eu-2'), planHost('eu-3')];
const expired = {kind: 'expired', why: 'the plan held until noon'} as const;

describe('F11: a plan that holds no longer', () => {
  it('lets the wave under way end, begins no other, and leaves nothing to resume', () => {
    const run = new Conversation(planFor(three, {floors: {eu: 0}}));
    run.begin();
    run.serve('eu', 'eu-1', 'eu-2', 'eu-3');
    run.tell(expired);
    const last = run.finish('eu-1');
    expect(run.state.hosts.get('eu-1')?.kind).toBe('done');
    expect(last.filter((word) => word.startsWith('release'))).toEqual([
      'release eu-1 (needs-attention)',
      'release eu-2 (needs-attention)',
      'release eu-3 (needs-attention)',
    ]);
    expect(run.end()).toEqual(['END needs-attention refused']);
    expect(run.effects).toMatchObject([{why: 'the plan held until noon'}]);
    expect(run.wanted('drain eu-2')).toBe(false);
  });

  it('begins nothing, and is refused, when it expires while leases are taken', () => {
    const run = new Conversation(planFor(three));
    run.tell({kind: 'begin'});
    run.tell(expired);
    for (const {name} of three) run.tell({kind: 'leased', host: name});
    expect(run.end()).toEqual(['END refused refused']);
    expect(run.wanted('"wave-started"')).toBe(false);
  });

  it('is no reason to stay half way: the way back goes on', () => {
    const run = new Conversation(planFor([three[0]!], {floors: {eu: 0}}));
    run.begin();
    run.serve('eu', 'eu-1');
    run.finish('eu-1', 'health');
    run.tell(expired);
    run.fail('eu-1', 'health');
    run.serve('eu', 'eu-1');
    run.finish('eu-1');
    expect(run.end()).toEqual(['END rolled-back unhealthy']);
  });

  it('harms no run that has no wave left', () => {
    const run = new Conversation(planFor([three[0]!], {floors: {eu: 0}}));
    run.begin();
    run.serve('eu', 'eu-1');
    run.tell(expired);
    run.finish('eu-1');
    expect(run.end()).toEqual(['END converged']);
  });
});

describe('a reviewed plan that does not fit a host', () => {
  it('F9: is given up as a whole, whatever the budget', () => {
    const run = new Conversation(planFor(three, {budget: 10}));
    run.tell({kind: 'begin'});
    run.tell({kind: 'leased', host: 'eu-1'});
    run.tell({kind: 'lease-failed', host: 'eu-2', code: 'refused', why: 'the plan was applied by ben', isFinal: true});
    run.tell({kind: 'leased', host: 'eu-3'});
    expect(run.end()).toEqual(['END refused refused']);
    expect(run.wanted('"wave-started"')).toBe(false);
    expect(run.wanted('release eu-1 (refused)')).toBe(true);
  });
});

import {describe, expect, it} from 'vitest';
import {Conversation} from './conversation.js';
import {planFor, planHost} from './scenario.js';

const four = ['eu-1', 'eu-2', 'eu-3', 'eu-4'];
const hosts = four.map((name) => planHost(name));
const allAtOnce = (more: Parameters<typeof planFor>[1] = {}): Conversation =>
  new Conversation(planFor(hosts, {waves: [{name: 'eu 100%', silo: 'eu', hosts: four}], ...more}));

describe('the floor of a silo', () => {
  it('lets as many hosts go as the balancers have above it', () => {
    const run = allAtOnce({floors: {eu: 2}});
    run.begin();
    expect(run.serve('eu', ...four)).toEqual(['drain eu-1', 'drain eu-2']);
  });

  it('counts members of the silo that are not in the plan', () => {
    const run = allAtOnce({floors: {eu: 4}});
    run.begin();
    expect(run.serve('eu', ...four, 'eu-8', 'eu-9')).toEqual(['drain eu-1', 'drain eu-2']);
  });

  it('G6: costs nothing for a host that serves nobody: it goes first', () => {
    const run = allAtOnce({floors: {eu: 3}});
    run.begin();
    expect(run.serve('eu', 'eu-1', 'eu-2', 'eu-4')).toEqual(['drain eu-3']);
  });

  it('asks again as soon as a host is back, once at a time', () => {
    const run = allAtOnce({floors: {eu: 2}});
    run.begin();
    run.serve('eu', ...four);
    expect(run.finish('eu-1')).toEqual(['read eu']);
    expect(run.finish('eu-2')).toEqual([]);
    expect(run.serve('eu', ...four), 'eu-2 was out when this was asked').toEqual(['drain eu-3', 'read eu']);
    expect(run.serve('eu', 'eu-1', 'eu-2', 'eu-3', 'eu-4')).toEqual(['drain eu-4']);
  });

  it('G6: refuses a run that finds it reached before anything was changed', () => {
    const run = allAtOnce({floors: {eu: 4}});
    run.begin();
    expect(run.serve('eu', ...four)).toContain('release eu-1 (refused)');
    expect(run.end()).toEqual(['END refused refused']);
    expect(run.effects).toMatchObject([{why: 'silo eu has 4 hosts in rotation and its floor is 4: none may be taken out'}]);
  });

  it('G7: reached in the middle is waited for, with one warning, and then the run needs attention', () => {
    const run = allAtOnce({floors: {eu: 3}});
    run.begin();
    run.serve('eu', ...four);
    run.finish('eu-1');
    expect(run.serve('eu', 'eu-2', 'eu-3', 'eu-4')).toEqual(['"warning"', 'read eu after 5000 ms']);
    for (let look = 2; look <= 24; look++) expect(run.serve('eu', 'eu-2', 'eu-3', 'eu-4')).toEqual(['read eu after 5000 ms']);
    expect(run.serve('eu', 'eu-2', 'eu-3', 'eu-4')).toContain('release eu-2');
    expect(run.end()).toEqual(['END needs-attention needs-attention']);
    expect(run.wanted('drain eu-2')).toBe(false);
  });

  it('G7: that recovers while it is waited for lets the run go on, with its patience restored', () => {
    const run = allAtOnce({floors: {eu: 3}});
    run.begin();
    run.serve('eu', ...four);
    run.finish('eu-1');
    for (let look = 1; look <= 20; look++) run.serve('eu', 'eu-2', 'eu-3', 'eu-4');
    expect(run.serve('eu', ...four)).toEqual(['drain eu-2']);
    run.finish('eu-2');
    expect(run.serve('eu', 'eu-2', 'eu-3', 'eu-4')).toEqual(['"warning"', 'read eu after 5000 ms']);
  });

  it('does not count a host that the balancers still show while it leaves', () => {
    const run = allAtOnce({floors: {eu: 2}});
    run.begin();
    run.serve('eu', ...four);
    run.finish('eu-1');
    expect(run.serve('eu', ...four)).toEqual(['drain eu-3']);
  });

  it('does not believe an old view of a host that left and came half way back since: it asks again', () => {
    const run = allAtOnce({floors: {eu: 2}});
    run.begin();
    run.serve('eu', ...four);
    run.finish('eu-1');
    run.finish('eu-2', 'admit');
    expect(run.serve('eu', ...four), 'eu-2 is out, whatever was seen while it drained').toEqual(['drain eu-3', 'read eu']);
  });

  it('does not believe an old view of a host that was lost since', () => {
    const run = allAtOnce({floors: {eu: 2}, budget: 1});
    run.begin();
    run.serve('eu', ...four);
    run.finish('eu-1');
    run.finish('eu-2', 'restart');
    run.fail('eu-2', 'restart', {blame: 'host', code: 'unreachable'});
    expect(run.serve('eu', ...four)).toEqual(['drain eu-3', 'read eu']);
  });

  it('holds on the way back too, and brings back first what failed', () => {
    const run = new Conversation(planFor(hosts, {floors: {eu: 3}, soakMs: 1000, waves: [{name: 'eu 100%', silo: 'eu', hosts: four}]}));
    run.begin();
    for (const host of four) {
      run.serve('eu', ...four);
      run.finish(host);
    }
    run.tell({kind: 'soaked', failed: [{host: 'eu-3', why: 'eu-3 is not healthy'}]});
    expect(run.serve('eu', ...four)).toEqual(['drain eu-3']);
    expect(run.finish('eu-3')).toEqual(['read eu']);
    expect(run.serve('eu', ...four)).toEqual(['drain eu-1']);
  });

  it('is not asked about in a loop while a host is on its way back', () => {
    const run = allAtOnce({floors: {eu: 3}});
    run.begin();
    run.serve('eu', ...four);
    run.finish('eu-1');
    run.serve('eu', ...four);
    run.finish('eu-2', 'health');
    run.fail('eu-2', 'health');
    expect(run.serve('eu', 'eu-1', 'eu-3', 'eu-4')).toEqual(['drain eu-2']);
    expect(run.done('eu-2', 'drain')).toEqual(['revert eu-2']);
    const reads = run.said.filter((word) => word.startsWith('read')).length;
    run.finish('eu-2');
    expect(run.said.filter((word) => word.startsWith('read'))).toHaveLength(reads + 1);
  });

  it('keeps what cannot be brought back after the same patience, and says so', () => {
    const run = allAtOnce({floors: {eu: 3}});
    run.begin();
    run.serve('eu', ...four);
    run.finish('eu-1');
    run.serve('eu', ...four);
    run.finish('eu-2', 'health');
    run.fail('eu-2', 'health');
    run.serve('eu', 'eu-1', 'eu-3', 'eu-4');
    run.finish('eu-2');
    for (let look = 1; look <= 25; look++) run.serve('eu', 'eu-1', 'eu-2', 'eu-3');
    expect(run.state.hosts.get('eu-1')).toMatchObject({kind: 'stuck', code: 'needs-attention'});
    expect(run.state.hosts.get('eu-2')).toEqual({kind: 'reverted'});
    expect(run.end()).toEqual(['END needs-attention unhealthy']);
  });
});

describe('balancers that do not answer', () => {
  const silent = {kind: 'rotation-failed', silo: 'eu', code: 'unreachable', why: 'lb-1 does not answer'} as const;

  it('refuse a run that has changed nothing', () => {
    const run = allAtOnce();
    run.begin();
    run.tell(silent);
    expect(run.end()).toEqual(['END refused unreachable']);
  });

  it('stop a run in the middle; what is in hand is finished', () => {
    const run = allAtOnce({floors: {eu: 2}});
    run.begin();
    run.serve('eu', ...four);
    run.finish('eu-1');
    expect(run.tell(silent)).toEqual([]);
    expect(run.finish('eu-2')).toContain('"wave-ended"');
    expect(run.end()).toEqual(['END needs-attention unreachable']);
    expect(run.wanted('drain eu-3')).toBe(false);
  });

  it('are waited for on the way back, and then what is left needs attention', () => {
    const run = allAtOnce({floors: {eu: 2}});
    run.begin();
    run.serve('eu', ...four);
    run.finish('eu-1');
    run.serve('eu', 'eu-1', 'eu-3', 'eu-4');
    run.finish('eu-2', 'health');
    run.fail('eu-2', 'health');
    run.finish('eu-3', 'switch');
    expect(run.done('eu-3', 'switch')).toEqual([]);
    expect(run.tell(silent)).toEqual(['"warning"', 'read eu after 5000 ms']);
    for (let look = 2; look <= 24; look++) expect(run.tell(silent)).toEqual(['read eu after 5000 ms']);
    run.tell(silent);
    expect(run.end()).toEqual(['END needs-attention unhealthy']);
  });
});

describe('an app without a balancer', () => {
  it('moves no more hosts at once than the floor leaves', () => {
    const run = allAtOnce({floors: {eu: 3}, steps: ['switch', 'health', 'confirm']});
    run.begin();
    expect(run.serve('eu', ...four)).toEqual(['switch eu-1']);
    expect(run.finish('eu-1')).toEqual(['read eu']);
    expect(run.serve('eu', ...four)).toEqual(['switch eu-2']);
  });
});

import {describe, expect, it} from 'vitest';
import {Conversation} from './conversation.js';
import {planFor, planHost} from './scenario.js';

const three = ['eu-1', 'eu-2', 'eu-3'];
const waves = [
  {name: 'eu canary', silo: 'eu', hosts: ['eu-1']},
  {name: 'eu 100%', silo: 'eu', hosts: ['eu-2', 'eu-3']},
];
const plan = (more: Parameters<typeof planFor>[1] = {}): Conversation =>
  new Conversation(
    planFor(
      three.map((name) => planHost(name)),
      {floors: {eu: 0}, waves, ...more},
    ),
  );
const interrupt = {kind: 'interrupt'} as const;

describe('an interrupt', () => {
  it('before the beginning takes no lease', () => {
    const run = plan();
    run.tell(interrupt);
    run.tell({kind: 'begin'});
    expect(run.said.some((word) => word.startsWith('lease'))).toBe(false);
    expect(run.said.at(-1)).toBe('END interrupted interrupted');
  });

  it('while leases are taken gives them back once all have answered, and leaves the run open', () => {
    const run = plan();
    run.tell({kind: 'begin'});
    run.tell({kind: 'leased', host: 'eu-1'});
    expect(run.tell(interrupt)).toEqual([]);
    run.tell({kind: 'leased', host: 'eu-2'});
    expect(run.tell({kind: 'leased', host: 'eu-3'})).toContain('release eu-3');
    expect(run.end()).toEqual(['END interrupted interrupted']);
  });

  it('while the balancers are asked starts nobody when they answer', () => {
    const run = plan();
    run.begin();
    expect(run.tell(interrupt)).toContain('release eu-1');
    expect(run.serve('eu', ...three)).toEqual([]);
    expect(run.end()).toEqual(['END interrupted interrupted']);
  });

  it('A5: finishes the hosts in hand and starts no other', () => {
    const run = plan();
    run.begin();
    run.serve('eu', ...three);
    expect(run.tell(interrupt)).toEqual([]);
    run.finish('eu-1');
    expect(run.said).toEqual(
      expect.arrayContaining(['confirm eu-1', '"wave-ended"', 'release eu-1 (interrupted)', 'release eu-2', 'release eu-3']),
    );
    expect(run.end()).toEqual(['END interrupted interrupted']);
    expect(run.said.filter((word) => word === '"wave-started"')).toHaveLength(1);
  });

  it('cuts a soak short, and says that nobody looked again', () => {
    const run = plan({soakMs: 30_000});
    run.begin();
    run.serve('eu', ...three);
    run.finish('eu-1');
    const words = run.tell(interrupt);
    expect(words.slice(0, 2)).toEqual(['"warning"', '"wave-ended"']);
    expect(run.tell({kind: 'soaked', failed: []})).toEqual([]);
    expect(run.end()).toEqual(['END interrupted interrupted']);
  });

  it('that comes when only the last hosts were in hand does not hide that the run converged', () => {
    const run = plan();
    run.begin();
    run.serve('eu', ...three);
    run.finish('eu-1');
    run.serve('eu', ...three);
    run.tell(interrupt);
    run.finish('eu-2');
    run.finish('eu-3');
    expect(run.end()).toEqual(['END converged']);
  });

  it('does not keep a release that fails from going back', () => {
    const run = plan();
    run.begin();
    run.serve('eu', ...three);
    run.tell(interrupt);
    run.finish('eu-1', 'health');
    expect(run.fail('eu-1', 'health')).toEqual(['"wave-ended"', '"rolling-back"', 'read eu']);
    run.serve('eu', 'eu-2', 'eu-3');
    run.finish('eu-1');
    expect(run.end()).toEqual(['END rolled-back unhealthy']);
  });

  it('A5: does not stop the way back', () => {
    const run = plan();
    run.begin();
    run.serve('eu', ...three);
    run.fail('eu-1', 'drain');
    expect(run.tell(interrupt)).toEqual([]);
    expect(run.serve('eu', ...three)).toEqual(['drain eu-1']);
    run.finish('eu-1');
    expect(run.end()).toEqual(['END rolled-back unhealthy']);
  });

  it('after the end does nothing', () => {
    const run = plan();
    run.begin();
    run.tell(interrupt);
    expect(run.tell(interrupt)).toEqual([]);
    run.end();
    expect(run.tell(interrupt)).toEqual([]);
  });
});

describe('a host that another run took over', () => {
  const fenced = {blame: 'fenced', code: 'leased', why: 'eu-2 was taken over'} as const;

  it('is left alone, what else is in hand is finished, and the run needs attention', () => {
    const run = plan();
    run.begin();
    run.serve('eu', ...three);
    run.finish('eu-1');
    run.serve('eu', ...three);
    expect(run.fail('eu-2', 'drain', fenced)).toEqual([]);
    run.finish('eu-3');
    expect(run.end()).toEqual(['END needs-attention leased']);
    expect(run.state.hosts.get('eu-2')).toMatchObject({kind: 'stuck'});
  });

  it('keeps the run from turning round after it: two runs must not pull at one fleet', () => {
    const run = plan();
    run.begin();
    run.serve('eu', ...three);
    run.finish('eu-1');
    run.serve('eu', ...three);
    run.fail('eu-2', 'drain', fenced);
    run.finish('eu-3', 'health');
    run.fail('eu-3', 'health');
    expect(run.wanted('"rolling-back"')).toBe(false);
    expect(run.end()).toEqual(['END needs-attention leased']);
  });

  it('on the way back is not tried again and again', () => {
    const run = plan();
    run.begin();
    run.serve('eu', ...three);
    run.finish('eu-1', 'health');
    run.fail('eu-1', 'health');
    run.serve('eu', 'eu-2', 'eu-3');
    expect(run.fail('eu-1', 'drain', fenced)).toContain('release eu-1');
    expect(run.end()).toEqual(['END needs-attention unhealthy']);
  });
});

describe('a run in which nothing goes wrong', () => {
  it('converges, wave after wave, and gives every lease back closed', () => {
    const run = plan({soakMs: 30_000});
    run.begin();
    run.serve('eu', ...three);
    run.finish('eu-1');
    expect(run.tell({kind: 'soaked', failed: []})).toEqual(['"wave-ended"', '"wave-started"', 'read eu']);
    run.serve('eu', ...three);
    run.finish('eu-2');
    expect(run.finish('eu-3')).toEqual(['soak eu-2 eu-3']);
    run.tell({kind: 'soaked', failed: []});
    expect(run.said.slice(-7)).toEqual(['"wave-ended"', ...three.flatMap((host) => ['"host-ended"', `release ${host} (converged)`])]);
    expect(run.end()).toEqual(['END converged']);
  });
});

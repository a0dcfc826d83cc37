import {describe, expect, it} from 'vitest';
import {Conversation} from './conversation.js';
import {makeTimed, planFor, planHost} from './scenario.js';

const names = ['eu-1', 'eu-2', 'us-1'];
const waves = [
  {name: 'eu canary', silo: 'eu', hosts: ['eu-1']},
  {name: 'eu 100%', silo: 'eu', hosts: ['eu-2']},
  {name: 'us canary', silo: 'us', hosts: ['us-1']},
];
const lost = {blame: 'host', code: 'unreachable', why: 'no way to the host'} as const;

/** A run whose leases are all taken; `gapMs` 0: all hosts at one time. */
const converse = (gapMs: number, more: Parameters<typeof planFor>[1] = {}): Conversation => {
  const plan = planFor(
    names.map((name) => planHost(name)),
    {floors: {eu: 0, us: 0}, waves, steps: ['switch', 'health', 'confirm'], ...more},
  );
  const run = new Conversation(makeTimed(plan, gapMs));
  run.begin();
  return run;
};
const open = (run: Conversation): void => {
  run.tell({kind: 'time-come', moment: 'open'});
  run.serve('eu', 'eu-1', 'eu-2');
  run.serve('us', 'us-1');
};

describe('a deploy at a time', () => {
  it('waits for its time once every host is leased', () => {
    const run = converse(0);
    expect(run.said.at(-1)).toBe('await open +0 ms');
    expect(run.said.some((word) => /^(arm|switch)/.test(word))).toBe(false);
  });

  it('lets all hosts go in one answer, after the last of them stands ready', () => {
    const run = converse(0);
    open(run);
    expect(run.done('eu-1', 'arm')).toEqual([]);
    expect(run.done('us-1', 'arm')).toEqual([]);
    expect(run.done('eu-2', 'arm')).toEqual(['await switch +0 ms']);
    expect(run.tell({kind: 'time-come', moment: 'switch'})).toEqual(['switch eu-1', 'switch eu-2', 'switch us-1']);
    for (const name of names) run.finish(name);
    expect(run.end()).toEqual(['END converged']);
  });

  it('opens the next waves at their own time, once the gate of those before has passed', () => {
    const run = converse(60_000);
    run.tell({kind: 'time-come', moment: 'open'});
    expect(run.serve('eu', 'eu-1', 'eu-2')).toEqual(['arm eu-1']);
    expect(run.serve('us', 'us-1')).toEqual(['arm us-1']);
    run.done('eu-1', 'arm');
    run.done('us-1', 'arm');
    run.tell({kind: 'time-come', moment: 'switch'});
    run.finish('eu-1');
    expect(run.finish('us-1')).toEqual(['"wave-ended"', '"wave-ended"', 'await open +60000 ms']);
    expect(run.tell({kind: 'time-come', moment: 'open'})).toEqual(['"wave-started"', 'read eu']);
  });

  it('sends everybody back when one host cannot stand ready, whatever the budget', () => {
    const run = converse(0, {budget: 5});
    open(run);
    run.done('eu-1', 'arm');
    expect(run.fail('eu-2', 'arm', lost)).toEqual(['"wave-ended"', '"wave-ended"', '"rolling-back"', 'read eu']);
    expect(run.done('us-1', 'arm'), 'ready too late to matter').toEqual(['read us']);
    expect(run.tell({kind: 'time-come', moment: 'switch'})).toEqual([]);
    expect(run.wanted('switch eu-1')).toBe(false);
  });

  it('goes round a host within the budget that is lost after the switch', () => {
    const run = converse(0, {budget: 1});
    open(run);
    for (const name of names) run.done(name, 'arm');
    run.tell({kind: 'time-come', moment: 'switch'});
    expect(run.fail('eu-2', 'switch', lost)).toEqual([]);
    run.finish('eu-1');
    run.finish('us-1');
    expect(run.end()).toEqual(['END needs-attention']);
  });

  it('is refused when one host cannot be prepared, whatever the budget', () => {
    const run = new Conversation(makeTimed(planFor([planHost('eu-1'), planHost('eu-2')], {budget: 5}), 0));
    run.tell({kind: 'begin'});
    run.tell({kind: 'leased', host: 'eu-1'});
    run.tell({kind: 'lease-failed', host: 'eu-2', code: 'refused', why: 'eu-2 could not be prepared'});
    expect(run.end()).toEqual(['END refused refused']);
  });

  it('is over when its time is missed, interrupted, or a host is taken while it waits; nothing of it is left', () => {
    const missed = converse(0);
    expect(missed.tell({kind: 'time-missed', why: 'too late'})).toContain('release eu-1 (refused)');
    expect(missed.end()).toEqual(['END refused refused']);
    const interrupted = converse(0);
    expect(interrupted.tell({kind: 'interrupt'})).toContain('release eu-1 (interrupted)');
    expect(interrupted.end()).toEqual(['END interrupted interrupted']);
    const taken = converse(0);
    const words = taken.tell({kind: 'lease-lost', host: 'eu-2', why: 'ben has it'});
    expect(words).toContain('release eu-1 (refused)');
    expect(words.some((word) => word.startsWith('release eu-2'))).toBe(false);
    expect(taken.end()).toEqual(['END refused leased']);
  });

  it('sends hosts back that stand ready when it is interrupted, and lets those finish that were let go', () => {
    const ready = converse(0);
    open(ready);
    for (const name of names) ready.done(name, 'arm');
    expect(ready.tell({kind: 'interrupt'})).toContain('"rolling-back"');
    expect(ready.tell({kind: 'time-come', moment: 'switch'})).toEqual([]);
    const gone = converse(0);
    open(gone);
    for (const name of names) gone.done(name, 'arm');
    gone.tell({kind: 'time-come', moment: 'switch'});
    expect(gone.tell({kind: 'interrupt'})).toEqual([]);
    for (const name of names) gone.finish(name);
    expect(gone.end()).toEqual(['END converged']);
  });

  it('takes nobody out when the floor does not let the whole wave go', () => {
    const run = converse(0, {floors: {eu: 1, us: 0}, steps: ['drain', 'switch', 'admit', 'confirm']});
    run.tell({kind: 'time-come', moment: 'open'});
    expect(run.serve('eu', 'eu-1', 'eu-2').some((word) => word.startsWith('drain'))).toBe(false);
    expect(run.serve('us', 'us-1')).toEqual([]);
    expect(run.end()).toEqual(['END refused refused']);
  });
});

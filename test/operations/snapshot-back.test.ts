import {describe, expect, it} from 'vitest';
import {type HostState, parseHostState} from '../../src/lib/host/host-state.js';
import {nameSnapshots} from '../../src/lib/operations/name-snapshots.js';
import {chooseSnapshotBack, findPartBack} from '../../src/lib/operations/snapshot-back.js';

interface Told {
  readonly live?: string;
  /** `part snapshot run`. */
  readonly parts?: readonly string[];
  /** `run event detail`. */
  readonly journal?: readonly string[];
}

/** A host that still has every release it tells of. */
function tell({live, parts = [], journal = []}: Told): HostState {
  const ids = new Set([...(live === undefined ? [] : [live]), ...parts.map((part) => part.split(' ')[0])]);
  return parseHostState(
    [
      'missing',
      'epoch 1',
      ...(live === undefined ? [] : [`current ${live}`]),
      ...[...ids].map((id) => `release ${id}`),
      ...parts.map((part) => `part-of ${part}`),
      ...journal.map((line) => `journal 2026-01-01T00:00:00Z 1 ${line}`),
    ].join('\n'),
  );
}

const fleet = (hosts: Readonly<Record<string, Told>>): ReadonlyMap<string, HostState> =>
  new Map(Object.entries(hosts).map(([name, told]) => [name, tell(told)]));

/** Snapshot A, then B: web1 has other parts of the two, web2 the same one. */
const deployed = {
  web1: {live: 'b1', parts: ['a1 A r1', 'b1 B r2'], journal: ['r1 confirmed a1', 'r2 confirmed b1']},
  web2: {live: 'ab', parts: ['ab A r1', 'ab B r2'], journal: ['r1 confirmed ab']},
};

describe('nameSnapshots()', () => {
  it('calls a part that two snapshots share by the one the others are on', () => {
    expect([...nameSnapshots(fleet(deployed))]).toEqual([
      ['web1', 'B'],
      ['web2', 'B'],
    ]);
    expect([...nameSnapshots(fleet({...deployed, web1: {...deployed.web1, live: 'a1'}}))]).toEqual([
      ['web1', 'A'],
      ['web2', 'A'],
    ]);
  });

  it('tells hosts apart that are on two snapshots', () => {
    const hosts = {...deployed, web3: {live: 'a3', parts: ['a3 A r1']}, web4: {live: 'b4', parts: ['b4 B r2']}};
    expect([...nameSnapshots(fleet(hosts))].map(([, name]) => name)).toEqual(['B', 'B', 'A', 'B']);
  });

  it('calls a release of which nothing is known by its own id, and nothing nothing', () => {
    expect([...nameSnapshots(fleet({web1: {live: 'c0'}, web2: {}}))]).toEqual([['web1', 'c0']]);
  });
});

describe('chooseSnapshotBack()', () => {
  it('leads to the snapshot before, where hosts that share its part stay as they are', () => {
    const states = fleet(deployed);
    expect(chooseSnapshotBack(states)).toBe('A');
    expect([...states.values()].map((state) => findPartBack(state, 'A'))).toEqual([{kind: 'release', id: 'a1'}, {kind: 'same'}]);
  });

  it('passes over a snapshot that some host never confirmed, or took back', () => {
    const web1 = {
      live: 'c1',
      parts: ['a1 A r1', 'b1 B r2', 'c1 C r3'],
      journal: ['r1 confirmed a1', 'r2 confirmed b1', 'r2 reverted b1', 'r3 confirmed c1'],
    };
    const web2 = {live: 'c2', parts: ['a2 A r1', 'b2 B r2', 'c2 C r3'], journal: ['r1 confirmed a2', 'r3 confirmed c2']};
    expect(chooseSnapshotBack(fleet({web1, web2}))).toBe('A');
  });

  it('has hosts that missed a rollback follow it, and goes no further', () => {
    const web1 = {
      live: 'a1',
      parts: ['b1 B r2', 'a1 A r3'],
      journal: ['r1 confirmed a1', 'r2 confirmed b1', 'r3 rolled-back', 'r3 confirmed a1'],
    };
    const web3 = {
      live: 'a3',
      parts: ['b3 B r2', 'a3 A r3'],
      journal: ['r1 confirmed a3', 'r2 confirmed b3', 'r3 rolled-back', 'r3 confirmed a3'],
    };
    const web2 = {live: 'b2', parts: ['a2 A r1', 'b2 B r2'], journal: ['r1 confirmed a2', 'r2 confirmed b2']};
    const states = fleet({web1, web2, web3});
    expect(chooseSnapshotBack(states)).toBe('A');
    expect([...states.values()].map((state) => findPartBack(state, 'A').kind)).toEqual(['same', 'release', 'same']);
  });

  it('finds nothing where there is nothing earlier', () => {
    expect(chooseSnapshotBack(fleet({web1: {live: 'a1', parts: ['a1 A r1'], journal: ['r1 confirmed a1']}}))).toBeUndefined();
    expect(chooseSnapshotBack(fleet({web1: {}}))).toBeUndefined();
  });

  it('reaches back to a whole snapshot from before there were partitions', () => {
    const whole = (live: string): Told => ({
      live,
      parts: [`${live} B r2`, 'a0 a0 r1'],
      journal: ['r1 confirmed a0', `r2 confirmed ${live}`],
    });
    expect(chooseSnapshotBack(fleet({web1: whole('b1'), web2: whole('b2')}))).toBe('a0');
  });
});

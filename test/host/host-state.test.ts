import fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import {type HostState, parseHostState, provenReleases, rollbackTarget} from '../../src/lib/host/host-state.js';

const [a, b, c] = ['a', 'b', 'c'].map((letter) => letter.repeat(64)) as [string, string, string];

/** A journal of `run event detail` lines. */
function journaled(lines: readonly string[], more: Partial<HostState> = {}): HostState {
  const body = lines.map((line, index) => `journal 2026-11-21T00:00:${String(index).padStart(2, '0')}Z ${index} ${line}\n`).join('');
  const releases = [a, b, c].map((id) => `release ${id}\n`).join('');
  return {...parseHostState(`missing\nepoch 3\n${releases}${body}`), ...more};
}

const deploy = (run: string, from: string, to: string): string[] => [
  `${run} intent ${from} ${to}`,
  `${run} switched ${from} ${to}`,
  `${run} confirmed ${to}`,
];

describe('parseHostState', () => {
  it('reads all that a host says', () => {
    const state = parseHostState(
      [
        'missing flock tar',
        'tools zstd curl',
        'uptime 12',
        'epoch 7',
        ...['lease-run run-2', 'lease-owner ana b', 'lease-reason  why not ', 'lease-left 42'],
        `current ${b}`,
        `release ${a}`,
        `release ${b}`,
        `part-of ${b} ${a} run-1`,
        'part-of torn',
        `pin ${a} 2026-11-21T00:00:00Z run-1 -\tana b\twhy\tnot`,
        'pin torn',
        'plan c0ffee run-1 2026-11-21T00:00:00Z 3 ana b',
        'plan torn',
        'paused run-2',
        'pause-leaving yes',
        'open-run run-2',
        'decision run-1 confirmed',
        'decision run-2 reverted',
        'once run-2 before ended 0',
        'once run-2 after running ',
        'once torn',
        'something new',
        `journal 2026-11-21T00:00:00Z 7 run-2 intent  ${b}`,
        'journal torn',
        '',
      ].join('\n'),
    );
    expect(state).toEqual({
      fresh: false,
      missing: ['flock', 'tar'],
      tools: new Set(['zstd', 'curl']),
      unsafe: undefined,
      live: b,
      releases: [a, b],
      parts: new Map([[b, [{snapshot: a, run: 'run-1'}]]]),
      epoch: 7,
      pins: [{release: a, snapshot: undefined, run: 'run-1', at: '2026-11-21T00:00:00Z', owner: 'ana b', why: 'why not'}],
      plans: [{nonce: 'c0ffee', run: 'run-1', at: '2026-11-21T00:00:00Z', owner: 'ana b', againFrom: 3}],
      lease: {run: 'run-2', owner: 'ana b', reason: ' why not ', leftSeconds: 42, epoch: 0, since: '', silentSeconds: undefined},
      pausedBy: 'run-2',
      isPauseEnding: true,
      openRuns: ['run-2'],
      decisions: new Map([
        ['run-1', 'confirmed'],
        ['run-2', 'reverted'],
      ]),
      tasks: [
        {run: 'run-2', task: 'before', state: 'done'},
        {run: 'run-2', task: 'after', state: 'running'},
      ],
      journal: [{at: '2026-11-21T00:00:00Z', epoch: '7', run: 'run-2', event: 'intent', detail: ` ${b}`}],
    });
  });

  it('reads a host that was never pushed to', () => {
    expect(parseHostState('missing\nfresh yes\n')).toMatchObject({
      fresh: true,
      missing: [],
      live: undefined,
      epoch: 0,
      lease: undefined,
      releases: [],
    });
  });

  it('takes any text without failing', () => {
    fc.assert(fc.property(fc.string(), (text) => parseHostState(text).releases.length >= 0));
  });
});

describe('rollbackTarget', () => {
  it('is the release that was confirmed before the live one', () => {
    expect(rollbackTarget(journaled([...deploy('1', '', a), ...deploy('2', a, b)], {live: b}))).toEqual({kind: 'release', id: a});
  });

  it('is none on the first release', () => {
    expect(rollbackTarget(journaled(deploy('1', '', a), {live: a}))).toEqual({kind: 'none'});
    expect(rollbackTarget(journaled([]))).toEqual({kind: 'none'});
  });

  it('never is a release that was not confirmed here, or is gone', () => {
    const lines = [...deploy('1', '', a), '2 intent a b', '2 switched a b', ...deploy('3', b, c)];
    expect(rollbackTarget(journaled(lines, {live: c}))).toEqual({kind: 'release', id: a});
    expect(rollbackTarget(journaled(lines, {live: c, releases: [b, c]}))).toEqual({kind: 'none'});
  });

  it('is a no-op the second time, until something is deployed', () => {
    const back = [...deploy('1', '', a), ...deploy('2', a, b), ...deploy('3', b, a), '3 rolled-back '];
    expect(rollbackTarget(journaled(back, {live: a}))).toEqual({kind: 'already', run: '3'});
    expect(rollbackTarget(journaled([...back, ...deploy('4', a, c)], {live: c}))).toEqual({kind: 'release', id: a});
  });

  it('goes back past a run that failed and was reverted, as on the hosts that the run never reached', () => {
    const lines = [...deploy('1', '', a), ...deploy('2', a, b), `3 intent ${b} ${c}`, `3 switched ${b} ${c}`, `3 reverted ${c} ${b}`];
    expect(rollbackTarget(journaled(lines, {live: b}))).toEqual({kind: 'release', id: a});
  });

  it('D8 I8: passes a release by that turned out bad elsewhere, confirmed as it was here', () => {
    const lines = [...deploy('1', '', a), ...deploy('2', a, b), ...deploy('3', b, c)];
    const pin = {release: b, snapshot: undefined, run: '2', at: '', owner: 'ana', why: 'bad on web2'};
    expect(rollbackTarget(journaled(lines, {live: c, pins: [pin]}))).toEqual({kind: 'release', id: a});
  });

  it('undoes a release that is live and not yet confirmed', () => {
    expect(rollbackTarget(journaled([...deploy('1', '', a), `2 intent ${a} ${b}`, `2 switched ${a} ${b}`], {live: b}))).toEqual({
      kind: 'release',
      id: a,
    });
  });
});

describe('provenReleases', () => {
  it('are those that were confirmed here and are here', () => {
    expect(provenReleases(journaled([...deploy('1', '', a), `2 intent ${a} ${b}`, ...deploy('3', a, c)], {releases: [a, b]}))).toEqual([a]);
  });
});

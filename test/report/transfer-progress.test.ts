import {describe, expect, it} from 'vitest';
import type {DroverEvent} from '../../src/lib/events/event.js';
import {TransferProgress} from '../../src/lib/report/transfer-progress.js';
import {formatSlowTransfer, formatTransferBytes, formatTransferCounts} from '../../src/lib/report/transfer-text.js';
import {recordPush} from './recorded-push.js';
import {createRecorder, snapshot, startMs} from './recorded-run.js';

function follow(events: readonly DroverEvent[], untilMs = Number.POSITIVE_INFINITY): TransferProgress {
  const progress = new TransferProgress();
  for (const event of events) if (Date.parse(event.at) <= startMs + untilMs) progress.apply(event);
  return progress;
}

const steady = (bytesPerSecond: number, {hosts = 2, seconds = 4, total = 100_000_000} = {}): DroverEvent[] => {
  const {events, at} = createRecorder();
  at(0, {kind: 'run-started', command: 'push', operator: 'ana', hosts});
  at(0, {kind: 'staging-started', hosts});
  at(0, {kind: 'delta-built', snapshot, files: 1, bytes: total, hosts});
  at(0, {kind: 'step-started', host: 'web1', step: 'stage'});
  for (let half = 0; half <= seconds * 2; half++)
    at(half * 500, {kind: 'transfer', host: 'web1', sentBytes: (half * bytesPerSecond) / 2, totalBytes: total});
  return events;
};

describe('TransferProgress', () => {
  it('counts every host once, at every moment of a push', () => {
    const events = recordPush(400);
    const progress = new TransferProgress();
    let last = 0;
    for (const event of events) {
      progress.apply(event);
      const state = progress.look(Date.parse(event.at));
      expect(state.done + state.moving + state.unpacking + state.failed + state.waiting).toBe(state.hosts);
      expect(state.sentBytes).toBeLessThanOrEqual(state.totalBytes);
      if (event.kind === 'step-ended' && event.step === 'stage') {
        expect(state.done).toBeGreaterThanOrEqual(last);
        last = state.done;
      }
    }
    expect(progress.active).toBe(false);
    expect(progress.look(startMs)).toMatchObject({done: 399, failed: 1, moving: 0, unpacking: 0, waiting: 0, leftMs: undefined});
  });

  it('knows all bytes as soon as all deltas are built, and says at least before', () => {
    const events = recordPush(400);
    expect(formatTransferBytes(follow(events, 20_000).look(startMs + 20_000))).toMatch(
      /^\d+% {2}[\d.]+ [MG]B of 5\.0 GB {2}[\d.]+ MB\/s {2}about 2m\d\ds left$/,
    );
    const {events: two, at} = createRecorder();
    at(0, {kind: 'staging-started', hosts: 10});
    at(0, {kind: 'delta-built', snapshot, files: 1, bytes: 1_000_000, hosts: 4});
    at(0, {kind: 'step-started', host: 'web1', step: 'stage'});
    at(0, {kind: 'transfer', host: 'web1', sentBytes: 0, totalBytes: 1_000_000});
    at(3000, {kind: 'transfer', host: 'web1', sentBytes: 500_000, totalBytes: 1_000_000});
    expect(formatTransferBytes(follow(two).look(startMs + 3000))).toBe('500 kB of at least 4.0 MB  167 kB/s  time left unknown');
    at(3000, {kind: 'delta-built', base: snapshot, snapshot, files: 1, bytes: 10_000, hosts: 6});
    expect(formatTransferBytes(follow(two).look(startMs + 3000))).toBe('12%  500 kB of 4.1 MB  167 kB/s  about 22s left');
  });

  it('tells the time left from the last seconds, and nothing when it cannot be known', () => {
    expect(follow(steady(10_000_000)).look(startMs + 4000).leftMs).toBeCloseTo(16_000 * 1, -4);
    expect(follow(steady(10_000_000, {seconds: 1})).look(startMs + 1000).leftMs, 'too early').toBeUndefined();
    const quiet = follow(steady(10_000_000)).look(startMs + 34_000);
    expect(formatTransferBytes(quiet)).toBe('20%  40.0 MB of 200 MB  nothing moved for 30s  time left unknown');
  });

  it('counts what a cut transfer had brought as there, and not as moved', () => {
    const {events, at} = createRecorder();
    at(0, {kind: 'staging-started', hosts: 1});
    at(0, {kind: 'delta-built', snapshot, files: 1, bytes: 1_000_000, hosts: 1});
    at(0, {kind: 'step-started', host: 'web1', step: 'stage'});
    at(0, {kind: 'transfer', host: 'web1', sentBytes: 900_000, totalBytes: 1_000_000});
    at(500, {kind: 'transfer', host: 'web1', sentBytes: 950_000, totalBytes: 1_000_000});
    const progress = follow(events);
    expect(progress.look(startMs + 1000)).toMatchObject({sentBytes: 950_000, perSecond: 50_000});
    expect(progress.movedBytes).toBe(50_000);
    at(2000, {kind: 'transfer', host: 'web1', sentBytes: 920_000, totalBytes: 1_000_000});
    at(2500, {kind: 'transfer', host: 'web1', sentBytes: 1_000_000, totalBytes: 1_000_000});
    expect(follow(events).movedBytes).toBe(130_000);
    expect(formatTransferCounts(follow(events).look(startMs + 2500))).toBe('0 done  1 unpacking  of 1');
  });

  it('H2: names the transfers that will end last, with what they have and how they move', () => {
    const events = recordPush(6);
    const slow = (ms: number): readonly string[] =>
      follow(events, ms)
        .findSlowest(3, startMs + ms)
        .map(formatSlowTransfer);
    expect(slow(1000)).toEqual([]);
    expect(slow(8000)[0]).toMatch(/^web003\.eu\.example\.com {2}600 kB of 12\.4 MB {2}8\d\.\d kB\/s$/);
    expect(slow(30_000)[0]).toMatch(/^web004\.eu\.example\.com {2}5\.7 MB of 12\.4 MB {2}nothing for 2\ds$/);
    expect(follow(events).findSlowest(3, startMs + 200_000)).toEqual([]);
  });

  it('takes hosts that ended without a byte out of what is to come', () => {
    const {events, at} = createRecorder();
    at(0, {kind: 'staging-started', hosts: 4});
    at(0, {kind: 'delta-built', snapshot, files: 1, bytes: 1000, hosts: 4});
    for (const [host, outcome] of [
      ['web1', 'failed'],
      ['web2', 'unchanged'],
    ] as const) {
      at(0, {kind: 'step-started', host, step: 'stage'});
      at(10, {kind: 'step-ended', host, step: 'stage', outcome, ms: 10});
    }
    expect(follow(events).look(startMs + 10)).toMatchObject({done: 1, failed: 1, waiting: 2, totalBytes: 2000, totalKnown: true});
  });
});

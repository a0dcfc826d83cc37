import {Writable} from 'node:stream';
import {afterEach, beforeEach, describe, expect, it, vi} from 'vitest';
import type {DroverEvent} from '../../src/lib/events/event.js';
import {openReporter} from '../../src/lib/report/choose-reporter.js';
import {recordPush} from './recorded-push.js';
import {createRecorder, recordLargeDeploy, recordSmallDeploy, startMs} from './recorded-run.js';
import {drawTerminal} from './terminal-picture.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Plays events by a virtual clock; `writes` holds each piece that went to the terminal, with its moment. */
async function play(
  events: readonly DroverEvent[],
  {columns = 80, colour = false} = {},
): Promise<{readonly text: string; readonly writes: readonly {readonly atMs: number; readonly piece: string}[]}> {
  const writes: {readonly atMs: number; readonly piece: string}[] = [];
  const stream = new Writable({
    write(piece: Buffer, _encoding, done) {
      writes.push({atMs: Date.now(), piece: piece.toString()});
      done();
    },
  });
  vi.setSystemTime(Date.parse(events[0]?.at ?? ''));
  const sink = await openReporter({mode: 'live', stream, colour, columns: () => columns, now: Date.now});
  for (const event of events) {
    const waitMs = Date.parse(event.at) - Date.now();
    if (waitMs > 0) await vi.advanceTimersByTimeAsync(waitMs);
    await sink.accept(event);
  }
  await sink.close();
  return {text: writes.map(({piece}) => piece).join(''), writes};
}

describe('the live view', () => {
  it.each([80, 200])('leaves each phase and all trouble on a terminal of %d columns', async (columns) => {
    const {text} = await play(recordLargeDeploy({turn: true}), {columns});
    const picture = drawTerminal(text, columns);
    await expect(`${picture.join('\n').trimEnd()}\n`).toMatchFileSnapshot(`golden/live-${columns}.txt`);
  });

  it.each([
    [6, 80, 20_000],
    [400, 80, 40_000],
    [400, 200, 40_000],
  ])('shows a push to %d hosts on a terminal of %d columns as a person wants to read it', async (hosts, columns, untilMs) => {
    const events = recordPush(hosts).filter((event) => Date.parse(event.at) <= startMs + untilMs);
    const {writes} = await play(events, {columns});
    const shown = writes.findLast(({piece}) => piece.includes('slow') || piece.includes(' of ')) ?? {piece: ''};
    const frame = drawTerminal(shown.piece, columns);
    expect(Math.max(...frame.map((line) => line.length))).toBeLessThan(columns);
    await expect(`${frame.join('\n').trimEnd()}\n`).toMatchFileSnapshot(`golden/push-${hosts}-${columns}.txt`);
  });

  it('tells on one line that a transfer was cut and goes on', async () => {
    const {text} = await play(recordPush(6));
    expect(drawTerminal(text, 200).filter((line) => line.includes('web005') && line.includes('retry 1/5'))).toHaveLength(1);
  });

  it('shows 400 hosts in at most six rows, never wider than the terminal, redrawn at most ten times a second', async () => {
    const events = recordLargeDeploy();
    const {writes} = await play(events);
    const frames = writes.flatMap(({piece}) => piece.slice(piece.lastIndexOf('\u001b[J') + 1).split('\n'));
    expect(Math.max(...frames.map((line) => line.length))).toBeLessThan(80);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: movements are escapes
    expect(Math.max(...writes.map(({piece}) => Number(/^\u001b\[(\d+)A/.exec(piece)?.[1] ?? 0)))).toBe(5);

    const runMs = Date.parse(events.at(-1)?.at ?? '') - Date.parse(events[0]?.at ?? '');
    const lasting = events.filter(
      (event) =>
        event.kind.startsWith('wave') ||
        (event.kind === 'step-ended' && event.outcome === 'failed') ||
        (event.kind === 'host-ended' && event.outcome !== 'done'),
    );
    expect(writes.length).toBeLessThanOrEqual(runMs / 100 + 3 * lasting.length + 5);
  });

  it('H2: shows the hosts that have been at one step for longest', async () => {
    const {events, at} = createRecorder();
    at(0, {kind: 'run-started', command: 'deploy', app: 'code', operator: 'ana', hosts: 5});
    at(0, {kind: 'wave-started', wave: 'eu 100%', index: 1, of: 1, hosts: ['web1', 'web2', 'web3', 'web4', 'web5']});
    for (const number of [1, 2, 3, 4, 5]) at((number - 1) * 1000, {kind: 'step-started', host: `web${number}`, step: 'health'});
    at(11_950, {kind: 'transfer', host: 'web2', sentBytes: 0, totalBytes: 9});
    const all = (await play(events)).text;
    expect(all).toContain('    web1 health 11s\n    web2 health 10s\n    web3 health 9s\n');
    expect(all).not.toContain('web4 health');
  });

  it('keeps failures in a phase to 20 lines and counts the rest', async () => {
    const {events, at} = createRecorder();
    const hosts = Array.from({length: 400}, (_, index) => `web${index + 1}`);
    at(0, {kind: 'run-started', command: 'health', operator: 'ana', hosts: 400});
    for (const host of hosts) at(10, {kind: 'host-ended', host, outcome: 'failed', code: 'unreachable', why: 'connection refused'});
    at(20, {kind: 'run-ended', outcome: 'needs-attention', exit: 6, ms: 20});
    const {text} = await play(events);
    const picture = drawTerminal(text, 80).filter((line) => line !== '');
    expect(picture).toHaveLength(21);
    expect(picture.at(-1)).toContain('health  0.0s  0 done  400 failed  (380 more)  400 hosts');
  });

  it('says of a phase that it was not finished when the run is cut off', async () => {
    const events = recordSmallDeploy();
    const {text} = await play(events.slice(0, 40));
    expect(drawTerminal(text, 80).join('\n')).toContain('not finished');
  });

  it('listens to no signals', async () => {
    const before = process.listenerCount('SIGINT');
    const {events, at} = createRecorder();
    at(0, {kind: 'run-started', command: 'health', operator: 'ana', hosts: 1});
    const stream = new Writable({write: (_piece, _encoding, done) => done()});
    const sink = await openReporter({mode: 'live', stream, colour: false, columns: () => 80, now: Date.now});
    for (const event of events) await sink.accept(event);
    await vi.advanceTimersByTimeAsync(500);
    expect(process.listenerCount('SIGINT')).toBe(before);
    await sink.close();
  });
});

import {PassThrough} from 'node:stream';
import {describe, expect, it, vi} from 'vitest';
import type {DroverEvent} from '../../src/lib/events/event.js';
import {openReporter} from '../../src/lib/report/choose-reporter.js';
import {recordPush} from './recorded-push.js';
import {createRecorder, recordLargeDeploy, recordSmallDeploy, startMs} from './recorded-run.js';

async function print(events: readonly DroverEvent[], mode: 'plain' | 'silent' = 'plain', colour = false): Promise<string> {
  const stream = new PassThrough();
  const sink = await openReporter({mode, stream, colour, columns: () => 80, now: () => 0});
  for (const event of events) await sink.accept(event);
  await sink.close();
  return String(stream.read() ?? '');
}

describe('plain lines', () => {
  it('tell a small deploy step by step', async () => {
    await expect(await print(recordSmallDeploy())).toMatchFileSnapshot('golden/plain-small.txt');
  });

  it('tell 400 hosts in a bounded number of lines, and still name each host', async () => {
    const events = recordLargeDeploy();
    const text = await print(events);
    const runMs = Date.parse(events.at(-1)?.at ?? '') - Date.parse(events[0]?.at ?? '');
    const odd = events.filter(
      (event) =>
        (event.kind === 'step-ended' && event.outcome === 'failed') || (event.kind === 'host-ended' && event.outcome === 'reverted'),
    ).length;
    expect(text.split('\n').length).toBeLessThanOrEqual(4 + 12 * 3 + runMs / 5000 + odd);
    expect(text.match(/done {2}\d+ running.*: web/g)?.length).toBeGreaterThan(12);
  });

  it('write a line of counts at most every ten seconds in a wave', async () => {
    const {events, at} = createRecorder();
    at(0, {kind: 'run-started', command: 'push', operator: 'ana', hosts: 50});
    for (let ms = 0; ms < 60_000; ms += 100) at(ms, {kind: 'step-started', host: `web${ms % 50}`, step: 'stage'});
    expect((await print(events)).trimEnd().split('\n').length).toBe(1 + 5);
  });

  it.each([6, 400])('tell a push to %d hosts in a line of bytes every ten seconds, and what was cut or stalled', async (hosts) => {
    const text = await print(recordPush(hosts));
    await expect(text).toMatchFileSnapshot(`golden/plain-push-${hosts}.txt`);
    const moments = [...text.matchAll(/^(\S+) \d+% {2}/gm)].map(([, clock]) => Date.parse(`2026-11-21T${clock}Z`));
    expect(moments.length).toBeGreaterThan(3);
    for (const [index, moment] of moments.slice(1).entries()) expect(moment - (moments[index] ?? 0)).toBeGreaterThanOrEqual(9000);
  });

  it('go on telling when nothing moves, and end with the run', async () => {
    vi.useFakeTimers();
    try {
      vi.setSystemTime(startMs);
      const stream = new PassThrough();
      const sink = await openReporter({mode: 'plain', stream, colour: false, columns: () => 80, now: Date.now});
      for (const event of recordPush(2).filter(({at}) => Date.parse(at) <= startMs + 1000)) await sink.accept(event);
      await vi.advanceTimersByTimeAsync(45_000);
      await sink.close();
      expect(vi.getTimerCount()).toBe(0);
      const lines = String(stream.read()).trimEnd().split('\n').slice(3);
      expect(lines).toHaveLength(4);
      expect(lines.at(-1)).toMatch(
        /^09:41:4\d \d+% {2}\d+ kB of 24\.8 MB {2}nothing moved for 4\ds {2}time left unknown {2}0 done {2}2 moving {2}of 2; slowest: /,
      );
    } finally {
      vi.useRealTimers();
    }
  });

  it('T8 T9: never let foreign text begin a line or move the cursor', async () => {
    const {events, at} = createRecorder();
    at(0, {kind: 'warning', message: 'x\n::error::y\r\u001b[2J##[group]z'});
    at(1, {kind: 'step-ended', host: 'web1', step: 'health', outcome: 'failed', ms: 12, detail: '\n::set-output name=a::b'});
    expect(await print(events)).toBe(
      '09:41:00 warning: x\\n::error::y\\r\\x1b[2J#\\#[group]z\n09:41:00 web1 health failed 0.0s  \\n::set-output name=a::b\n',
    );
  });

  it('have colour only when asked for', async () => {
    expect(await print(recordSmallDeploy(), 'plain', true)).toContain('\u001b[31m');
    expect(await print(recordSmallDeploy())).not.toContain('\u001b');
  });

  it('are absent in silent mode', async () => {
    expect(await print(recordSmallDeploy(), 'silent')).toBe('');
  });
});

import {PassThrough} from 'node:stream';
import {describe, expect, it} from 'vitest';
import type {DroverEvent} from '../../src/lib/events/event.js';
import {openReporter} from '../../src/lib/report/choose-reporter.js';
import {createRecorder, recordLargeDeploy, recordSmallDeploy} from './recorded-run.js';

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

  it('write a line of counts at most every five seconds in a wave', async () => {
    const {events, at} = createRecorder();
    at(0, {kind: 'run-started', command: 'push', operator: 'ana', hosts: 50});
    for (let ms = 0; ms < 60_000; ms += 100) at(ms, {kind: 'step-started', host: `web${ms % 50}`, step: 'stage'});
    expect((await print(events)).trimEnd().split('\n').length).toBe(1 + 11);
  });

  it('never let foreign text begin a line or move the cursor', async () => {
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

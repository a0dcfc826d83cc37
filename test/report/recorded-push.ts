import type {DroverEvent} from '../../src/lib/events/event.js';
import {createRecorder, snapshot} from './recorded-run.js';

const totalBytes = 12_400_000;
const stepMs = 500;

/**
 * A push to `hosts` machines, 64 at a time, a delta of 12.4 MB each. The third host is slow, the fourth stalls half way and is given up
 * after a minute, the fifth is cut and continued.
 */
export function recordPush(hosts: number): DroverEvent[] {
  const {events, at} = createRecorder();
  const names = Array.from({length: hosts}, (_, index) => `web${String(index + 1).padStart(3, '0')}.eu.example.com`);
  at(0, {kind: 'run-started', command: 'push', app: 'content', snapshot, operator: 'ana', hosts});
  for (const host of names) {
    at(10, {kind: 'step-started', host, step: 'read-state'});
    at(300, {kind: 'step-ended', host, step: 'read-state', outcome: 'done', ms: 290});
  }
  at(310, {kind: 'staging-started', hosts, rate: {host: 20 * 1024 * 1024, run: 200 * 1024 * 1024}});
  const lanes = Array.from({length: 64}, () => 320);
  let endMs = 0;
  names.forEach((host, index) => {
    const lane = lanes.indexOf(Math.min(...lanes));
    let ms = lanes[lane] ?? 320;
    at(ms, {kind: 'step-started', host, step: 'stage'});
    const beganMs = ms;
    if (index === 0) at(ms + 100, {kind: 'delta-built', snapshot, files: 230, bytes: totalBytes, hosts});
    ms += 150;
    at(ms, {kind: 'transfer', host, sentBytes: 0, totalBytes});
    const piece = index === 2 ? 40_000 : 250_000 + ((index * 37) % 19) * 20_000;
    let sent = 0;
    let cut = index !== 4;
    while (sent < totalBytes) {
      ms += stepMs;
      sent = Math.min(totalBytes, sent + piece);
      if (index === 3 && sent > totalBytes / 2) break;
      if (!cut && sent > totalBytes / 2) {
        cut = true;
        at(ms, {
          kind: 'retrying',
          host,
          step: 'stage',
          attempt: 1,
          of: 5,
          waitMs: 700,
          why: `${host}: stage-put: the connection was lost (reset)`,
        });
        ms += 1200;
        sent -= 2 * piece;
      }
      at(ms, {kind: 'transfer', host, sentBytes: sent, totalBytes});
    }
    const stalled = index === 3;
    ms += stalled ? 60_000 : 900;
    const why = `${host}: stage-put: no sign of life for 60 s`;
    at(ms, {
      kind: 'step-ended',
      host,
      step: 'stage',
      outcome: stalled ? 'failed' : 'done',
      ms: ms - beganMs,
      ...(stalled ? {detail: why} : {}),
    });
    lanes[lane] = ms + 20;
    endMs = Math.max(endMs, ms);
  });
  names.forEach((host, index) => {
    if (index === 3)
      at(endMs + 10, {kind: 'host-ended', host, outcome: 'failed', code: 'needs-attention', why: 'no sign of life for 60 s'});
    else at(endMs + 10, {kind: 'host-ended', host, outcome: 'done', release: snapshot});
  });
  at(endMs + 20, {kind: 'run-ended', outcome: 'needs-attention', exit: 8, ms: endMs, next: 'drover resume 20261121-094100-7f3a'});
  events.sort((one, other) => one.at.localeCompare(other.at) || one.seq - other.seq);
  return events.map((event, index) => ({...event, seq: index + 1}));
}

import {expect, it, vi} from 'vitest';
import {ExecTimers} from '../../src/lib/host/exec-timers.js';
import type {Exit} from '../../src/lib/host/link.js';
import {patiently} from './some-host.js';

const minuteMs = 60_000;

it('B10: a line so bad that a byte comes every 59 s is slow and not silent, until a minute passes without one', () => {
  vi.useFakeTimers();
  try {
    const exits: Exit[] = [];
    const limits = {idleTimeoutMs: minuteMs, totalTimeoutMs: 300 * minuteMs};
    const timers = new ExecTimers({command: '', maxOutputBytes: 1, signal: patiently, ...limits}, (exit) => exits.push(exit));
    for (let bytes = 0; bytes < 240; bytes += 1) {
      vi.advanceTimersByTime(59_000);
      timers.touch();
    }
    expect(exits).toEqual([]);
    vi.advanceTimersByTime(minuteMs);
    expect(exits).toEqual([{kind: 'timed-out', afterMs: minuteMs, what: 'idle'}]);
    expect(vi.getTimerCount()).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});

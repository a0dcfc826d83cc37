import {describe, expect, it} from 'vitest';
import {boundTransfer} from '../../src/lib/delivery/transfer-bound.js';
import {createTransferMeter} from '../../src/lib/delivery/transfer-meter.js';

const minuteMs = 60_000;

describe('boundTransfer()', () => {
  it('is ten minutes and the bytes at 4 KiB/s', () => {
    expect(boundTransfer({bytes: 0, concurrency: 64})).toBe(10 * minuteMs);
    expect(boundTransfer({bytes: 4096 * 60, concurrency: 64})).toBe(11 * minuteMs);
    expect(boundTransfer({bytes: 4096 * 60, rate: {host: 1_000_000}, concurrency: 64})).toBe(11 * minuteMs);
  });

  it('leaves twice the time that a fair share of the limits needs', () => {
    const bytes = 1_000_000;
    expect(boundTransfer({bytes, rate: {run: 64 * 1024}, concurrency: 64})).toBe(Math.ceil(10 * minuteMs + (bytes / 512) * 1000));
    expect(boundTransfer({bytes, rate: {silo: 10_240, run: 10 ** 9}, concurrency: 10})).toBe(
      Math.ceil(10 * minuteMs + (bytes / 512) * 1000),
    );
    expect(boundTransfer({bytes, rate: {host: 1024}, concurrency: 10})).toBe(Math.ceil(10 * minuteMs + (bytes / 512) * 1000));
  });

  it('never exceeds what a timer can hold', () => {
    expect(boundTransfer({bytes: 10 ** 15, concurrency: 1000})).toBeLessThan(2 ** 31);
  });
});

describe('createTransferMeter()', () => {
  it('tells the beginning, the end, and at most two moments a second between', () => {
    let nowMs = 1000;
    const told: number[] = [];
    const meter = createTransferMeter({totalBytes: 1000, now: () => nowMs, report: (bytes) => told.push(bytes)});
    for (let bytes = 100; bytes <= 1000; bytes++, nowMs += 2) meter(bytes);
    expect(told).toEqual([100, 350, 600, 850, 1000]);
  });

  it('goes on telling when the clock goes back', () => {
    let nowMs = 10_000;
    const told: number[] = [];
    const meter = createTransferMeter({totalBytes: 1000, now: () => nowMs, report: (bytes) => told.push(bytes)});
    meter(1);
    nowMs = 0;
    meter(2);
    expect(told).toEqual([1, 2]);
  });
});

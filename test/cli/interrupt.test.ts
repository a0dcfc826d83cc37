import {describe, expect, it} from 'vitest';
import {listenForInterrupt} from '../../src/lib/cli/interrupt.js';

describe.each([
  ['A5', 'SIGINT', 130],
  ['A6', 'SIGTERM', 143],
] as const)('%s: a %s', (_row, signal, status) => {
  it('first lets what is in hand finish, then abandons it, and the first one decides the exit status', () => {
    const before = process.listeners(signal);
    const said: string[] = [];
    const interrupt = listenForInterrupt((line) => said.push(line));
    const [listener] = process.listeners(signal).filter((each) => !before.includes(each));
    listener?.(signal);
    expect([interrupt.interrupted.aborted, interrupt.abandoned.aborted]).toEqual([true, false]);
    listener?.(signal === 'SIGINT' ? 'SIGTERM' : 'SIGINT');
    expect([interrupt.interrupted.aborted, interrupt.abandoned.aborted]).toEqual([true, true]);
    expect(interrupt.status()).toBe(status);
    listener?.(signal);
    expect(said).toHaveLength(2);
    interrupt.dispose();
    expect(process.listeners(signal)).toEqual(before);
  });
});

import fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import {KeptOutput} from '../../src/lib/host/kept-output.js';

describe('KeptOutput', () => {
  it('keeps all that fits, else exactly head and tail, however it is cut into pieces', () => {
    fc.assert(
      fc.property(fc.nat(40), fc.array(fc.uint8Array({maxLength: 30}), {maxLength: 12}), (maxBytes, pieces) => {
        const kept = new KeptOutput(maxBytes);
        for (const piece of pieces) kept.add(Buffer.from(piece));
        const all = Buffer.concat(pieces);
        const half = Math.ceil(maxBytes / 2);
        const expected =
          all.length <= maxBytes ? all : Buffer.concat([all.subarray(0, half), all.subarray(all.length - (maxBytes - half))]);
        expect(kept.bytes()).toEqual(expected);
        expect(kept.truncated).toBe(all.length > maxBytes);
      }),
      {numRuns: 2000},
    );
  });

  it('takes no more memory for a million tiny pieces', () => {
    const kept = new KeptOutput(4 * 1024 * 1024);
    const before = process.memoryUsage().rss;
    const piece = Buffer.from('x');
    for (let number = 0; number < 1_000_000; number++) kept.add(piece);
    expect(kept.bytes()).toHaveLength(1_000_000);
    expect(process.memoryUsage().rss - before).toBeLessThan(30 * 1024 * 1024);
  });
});

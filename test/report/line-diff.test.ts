import fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import {diffOutputs} from '../../src/lib/report/diffed-output.js';
import {cutHunks, diffLines} from '../../src/lib/report/line-diff.js';

const texts = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), {maxLength: 30});

/** The length of the longest list of lines that both have in this order, by the book. */
function countCommon(old: readonly string[], fresh: readonly string[]): number {
  let row = new Array<number>(fresh.length + 1).fill(0);
  for (const line of old) {
    const next = [0];
    for (const [index, other] of fresh.entries())
      next.push(line === other ? (row[index] ?? 0) + 1 : Math.max(row[index + 1] ?? 0, next[index] ?? 0));
    row = next;
  }
  return row.at(-1) ?? 0;
}

describe('the difference of two texts', () => {
  it('gives both texts back, and keeps as many lines as there are to keep', () => {
    fc.assert(
      fc.property(texts, texts, (old, fresh) => {
        const lines = diffLines(old, fresh);
        const same = lines.length === 0;
        expect(same ? old : lines.filter(({sign}) => sign !== '+').map(({text}) => text)).toEqual(old);
        expect(same ? fresh : lines.filter(({sign}) => sign !== '-').map(({text}) => text)).toEqual(fresh);
        if (!same) expect(lines.filter(({sign}) => sign === ' ')).toHaveLength(countCommon(old, fresh));
      }),
      {numRuns: 300},
    );
  });

  it('stays whole where nothing matches and there are too many lines to try', () => {
    const old = Array.from({length: 5000}, (_, index) => `old ${index}`);
    const fresh = Array.from({length: 5000}, (_, index) => `new ${index}`);
    const lines = diffLines(['top', ...old], ['top', ...fresh]);
    expect([lines[0]?.sign, lines.length]).toEqual([' ', 10_001]);
    expect(cutHunks(lines).map(({head}) => head)).toEqual(['@@ -1,5001 +1,5001 @@']);
  });

  it('shows what most hosts said once, and of the others what differs', () => {
    const usual = 'one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\n';
    const outputs = [
      {host: 'web1', output: usual.replace('two', 'TWO\u001b[2J').replace('nine\n', 'nine\nten\n')},
      {host: 'web2', output: usual},
      {host: 'web3', output: usual},
      {host: 'web4', output: usual, failure: 'exit 1'},
      {host: 'web5', output: '', failure: 'unreachable'},
      {host: 'web6', output: usual.trimEnd()},
    ];
    expect(diffOutputs({outputs, colour: false})).toBe(`--- web[2-3] (2)
${usual}--- web1 (1)
@@ -1,5 +1,5 @@
 one
-two
+TWO\\x1b[2J
 three
 four
 five
@@ -7,3 +7,4 @@
 seven
 eight
 nine
+ten
--- web6 (1) differs in line breaks or in what is not shown alone
--- web4 (1) exit 1 same output
--- web5 (1) unreachable
`);
    expect(diffOutputs({outputs: outputs.slice(3, 5), colour: false})).toBe(`--- web4 (1) exit 1\n${usual}--- web5 (1) unreachable\n`);
  });
});

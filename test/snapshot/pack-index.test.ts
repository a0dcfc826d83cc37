import {createHash} from 'node:crypto';
import fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import {DigestTable} from '../../src/lib/snapshot/digest-table.js';
import type {Digest} from '../../src/lib/snapshot/manifest.js';
import {decodePackIndex, encodePackIndex, PackIndex} from '../../src/lib/snapshot/pack-index.js';
import {catchProblems} from './fixture.js';

function digest(text: string): Digest {
  return createHash('sha256').update(text).digest('hex') as Digest;
}

const objects = (count: number) =>
  Array.from({length: count}, (_, index) => ({digest: digest(`${index}`), offset: index * 2 ** 33, length: index}));

describe('the index of a pack', () => {
  it.each([0, 1, 1023, 1024, 1025, 5000])('of %i objects is read as it was written', (count) => {
    expect(decodePackIndex(encodePackIndex(objects(count)), 'x.idx')).toEqual(objects(count));
  });

  it('with one flipped bit anywhere is refused', async () => {
    const whole = encodePackIndex(objects(3));
    for (let at = 0; at < whole.length; at += 1) {
      const bytes = Buffer.from(whole);
      bytes[at] = (bytes[at] ?? 0) ^ 4;
      expect(await catchProblems(() => decodePackIndex(bytes, 'x.idx'))).toMatchObject({code: 'integrity'});
    }
  });
});

describe('a search in the index of a pack', () => {
  it('finds every record of a digest and none that only begins between two', () => {
    const [zeros, half] = ['00'.repeat(32), `${'ff'.repeat(16)}${'00'.repeat(16)}`] as [Digest, Digest];
    const all = [
      {digest: half, offset: 0, length: 0},
      {digest: zeros, offset: 0, length: 0},
      ...objects(50),
      {digest: zeros, offset: 7, length: 9},
    ];
    const index = new PackIndex(encodePackIndex(all), 'x.idx');
    for (const {digest: each} of all)
      expect([...index.search(Buffer.from(each, 'hex'))]).toEqual(all.filter((object) => object.digest === each));
    expect([...index.search(Buffer.from(digest('nowhere'), 'hex'))]).toEqual([]);
  });
});

describe('a table of digests', () => {
  it('numbers digests as a map would, in the order of adding, also those that begin alike', () => {
    const likely = fc.oneof(
      fc.nat(3000).map((number) => digest(`${number}`)),
      fc.nat(40).map((number) => `00000000${digest(`${number}`).slice(8)}` as Digest),
    );
    fc.assert(
      fc.property(fc.array(likely, {maxLength: 4000, size: 'max'}), fc.array(likely), (added, asked) => {
        const table = new DigestTable();
        const model = new Map<Digest, number>();
        for (const each of added) {
          if (!model.has(each)) model.set(each, model.size);
          if (table.add(each) !== model.get(each)) return false;
        }
        return table.count === model.size && [...asked, ...added].every((each) => table.find(each) === model.get(each));
      }),
      {numRuns: 30},
    );
  });
});

import fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import {compareTrees} from '../../src/lib/snapshot/delta-archive.js';
import type {Digest, Entry} from '../../src/lib/snapshot/manifest.js';
import {compareLines} from '../../src/lib/snapshot/manifest-lines.js';
import {encodeManifest, parseLine, renderEntry} from '../../src/lib/snapshot/manifest-text.js';

// Names that are starts of others, that sort by bytes and not by UTF-16, and long ones, so that lines lie across steps.
const name = fc.constantFrom('a', 'a b', 'a!', 'ab', 'b', 'b-', 'ü', '\ue000', '🐑', '日本', 'x'.repeat(120), `${'x'.repeat(120)}y`);
const entry: fc.Arbitrary<Entry> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('file' as const),
      path: name,
      mode: fc.constantFrom(0o444, 0o555),
      size: fc.constantFrom(0, 7, 1234),
      digest: fc.constantFrom('0', 'a', 'f').map((digit) => digit.repeat(64) as Digest),
    }),
  },
  {weight: 1, arbitrary: fc.record({kind: fc.constant('directory' as const), path: name, mode: fc.constantFrom(0o555, 0o500)})},
  {weight: 1, arbitrary: fc.record({kind: fc.constant('link' as const), path: name, target: fc.constantFrom('a', 'b/c')})},
);

/** Many entries, each path once, in canonical order. */
const entries = fc
  .array(fc.tuple(fc.integer({min: 0, max: 60}), entry), {maxLength: 80})
  .map((drawn) => new Map(drawn.map(([folder, each]) => [`d${folder}${each.path}`, {...each, path: `d${folder}${each.path}`}])))
  .map((byPath) => [...byPath.values()].sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path))));

/** Two trees that share much: the second has some entries of the first, and some of its own. */
const pair = fc.tuple(entries, entries, fc.infiniteStream(fc.boolean())).map(([before, other, keep]) => {
  const byPath = new Map(other.map((each) => [each.path, each]));
  for (const each of before) if (keep.next().value) byPath.set(each.path, each);
  return [before, [...byPath.values()].sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)))] as const;
});

describe('compareLines()', () => {
  it('finds what comparing the parsed manifests finds', () => {
    fc.assert(
      fc.property(pair, ([before, after]) => {
        const {gone, fresh} = compareTrees({entries: before}, {entries: after});
        const lines = compareLines(encodeManifest(before), encodeManifest(after));
        expect(lines).toEqual({gone: gone.map(renderEntry), fresh: fresh.map(renderEntry)});
        expect(lines.fresh.map((line) => parseLine(line))).toEqual(fresh);
      }),
      {numRuns: 1000},
    );
  });

  it('finds one line among many, wherever it is', () => {
    const many = Array.from(
      {length: 3000},
      (_, index): Entry => ({kind: 'directory', path: `d${String(index).padStart(5, '0')}`, mode: 0o555}),
    );
    const whole = encodeManifest(many);
    for (const index of [0, 1, 17, 1500, 2998, 2999]) {
      const less = encodeManifest(many.filter((_, at) => at !== index));
      const line = renderEntry(many[index] as Entry);
      expect(compareLines(whole, less)).toEqual({gone: [line], fresh: []});
      expect(compareLines(less, whole)).toEqual({gone: [], fresh: [line]});
    }
    expect(compareLines(whole, whole)).toEqual({gone: [], fresh: []});
  });

  it('tells texts apart that a last line break is missing from', () => {
    expect(compareLines(Buffer.from('a\nb\n'), Buffer.from('a\nbc'))).toEqual({gone: ['b'], fresh: ['bc']});
    expect(compareLines(Buffer.from(''), Buffer.from('a\n'))).toEqual({gone: [], fresh: ['a']});
  });
});

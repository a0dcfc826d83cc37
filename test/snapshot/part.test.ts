import fs from 'node:fs';
import fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import type {Entry, Manifest, SnapshotId} from '../../src/lib/snapshot/manifest.js';
import {parseManifest, renderEntry, renderManifest} from '../../src/lib/snapshot/manifest-text.js';
import {cutParts} from '../../src/lib/snapshot/part.js';
import {applyDelta, build, describeTree, never, openStore, snap, tree, withFolder} from './fixture.js';
import {write} from './store-fixture.js';

const everyPartition = ['0', '1', '2', '3'];
const partitionOf = (path: string): string => String([...path].reduce((sum, letter) => sum + (letter.codePointAt(0) ?? 0), 0) % 4);

function cut(snapshot: Pick<Manifest, 'entries'>, wanted: readonly (readonly string[])[], always: readonly string[] = []) {
  return cutParts({snapshot, partitionOf, wanted: wanted.map((each) => new Set(each)), always});
}

const file = (path: string, size = 1): Entry => ({kind: 'file', path, mode: 0o444, size, digest: 'a'.repeat(64) as never});
const folder = (path: string): Entry => ({kind: 'directory', path, mode: 0o555});
const link = (path: string, target: string): Entry => ({kind: 'link', path, target});
const pathsOf = (part: {readonly manifest: Manifest} | undefined): string[] => part?.manifest.entries.map((entry) => entry.path) ?? [];
/** The partition is the first letter. */
const byLetter = (path: string): string => path[0] ?? '';

describe('cutParts()', () => {
  it('of any tree gives parts that are manifests of their own, together hold all of it, and each no file of another', async () => {
    await fc.assert(
      fc.asyncProperty(tree, (nodes) =>
        withFolder(async (at) => {
          build(`${at}/source`, nodes);
          const {manifest} = await snap(at, `${at}/source`);
          const parts = cut(
            manifest,
            everyPartition.map((each) => [each]),
          );
          const union = new Map<string, Entry>();
          for (const [index, part] of parts.entries()) {
            expect(parseManifest(part.text.toString())).toEqual(part.manifest);
            for (const entry of part.manifest.entries) {
              if (entry.kind === 'file') expect(partitionOf(entry.path)).toBe(String(index));
              union.set(entry.path, entry);
            }
          }
          expect(renderManifest([...union.values()])).toBe(renderManifest(manifest.entries));
          expect(cut(manifest, [everyPartition])[0]?.manifest).toEqual(manifest);
        }),
      ),
      {numRuns: 60},
    );
  }, 300_000);

  it('gives the same id again, whatever else is cut beside it', async () => {
    await withFolder(async (at) => {
      fs.mkdirSync(`${at}/source/sub`, {recursive: true});
      for (const name of ['a', 'b', 'c', 'sub/d', 'sub/e']) fs.writeFileSync(`${at}/source/${name}`, name);
      const {manifest} = await snap(at, `${at}/source`);
      const [one] = cut(manifest, [['0', '2']]);
      const [, other] = cut(manifest, [['1'], ['2', '0']]);
      expect(other?.manifest.id).toBe(one?.manifest.id);
    });
  });

  it('counts files and bytes, and takes the folders that they need and no other', () => {
    const snapshot = {entries: [folder('a'), folder('a/b'), file('a/b/x', 7), folder('c'), file('c/y', 5)]};
    const [part] = cutParts({snapshot, partitionOf: byLetter, wanted: [new Set(['a'])], always: []});
    expect([pathsOf(part), part?.manifest.files, part?.manifest.bytes]).toEqual([['a', 'a/b', 'a/b/x'], 1, 7]);
  });

  it('gives empty folders to their partition alone', () => {
    const snapshot = {entries: [folder('a'), folder('b'), folder('b/c')]};
    expect(cutParts({snapshot, partitionOf: byLetter, wanted: [new Set(['a']), new Set(['b'])], always: []}).map(pathsOf)).toEqual([
      ['a'],
      ['b', 'b/c'],
    ]);
  });

  it('gives every part the folders that an app links into', () => {
    const snapshot = {entries: [folder('a'), folder('a/b'), file('a/b/x'), file('c')]};
    const [part] = cutParts({snapshot, partitionOf: byLetter, wanted: [new Set(['c'])], always: ['a/b', 'nowhere']});
    expect(pathsOf(part)).toEqual(['a', 'a/b', 'c']);
  });

  it('takes along the links that a link goes through, so that it does not leave the tree', () => {
    const snapshot = {entries: [folder('b'), folder('b/c'), file('b/c/x'), link('l', 'b/c'), link('x', 'l/../..')]};
    const [part] = cutParts({snapshot, partitionOf: byLetter, wanted: [new Set(['x'])], always: []});
    expect(pathsOf(part)).toEqual(['l', 'x']);
    expect(parseManifest(part?.text.toString() ?? '').entries).toHaveLength(2);
  });

  it('names links whose target is in another part', () => {
    const snapshot = {entries: [file('b'), link('x', 'b'), link('y', 'nowhere')]};
    const [part] = cutParts({snapshot, partitionOf: byLetter, wanted: [new Set(['x', 'y'])], always: []});
    expect(part?.dangling).toEqual(['x']);
  });

  it('may be empty', () => {
    const [part] = cutParts({snapshot: {entries: [file('a')]}, partitionOf: byLetter, wanted: [new Set()], always: []});
    expect(parseManifest(part?.text.toString() ?? '').entries.map(renderEntry)).toEqual([]);
  });
});

describe('parts in a store', () => {
  /** A store with two snapshots that differ in one file of partition `a`, and their parts `a` and `b`. */
  async function fill(at: string) {
    const take = async (text: string) => {
      const source = write(at, {'a/x': text, 'a/y': 'same', 'b/z': 'other'});
      const {manifest} = await snap(at, source);
      const parts = cutParts({snapshot: manifest, partitionOf: byLetter, wanted: [new Set(['a']), new Set(['b'])], always: []});
      await openStore(at).keepParts(manifest.id, parts, never);
      return {manifest, a: parts[0]?.manifest.id as SnapshotId, b: parts[1]?.manifest.id as SnapshotId};
    };
    return [await take('old'), await take('new')] as const;
  }

  it('are built as deltas from nothing, from each other and from a whole snapshot, and hold only what is theirs', async () => {
    await withFolder(async (at) => {
      const [old, fresh] = await fill(at);
      const store = openStore(at);
      expect(old.b).toBe(fresh.b);
      const first = await store.delta(undefined, old.a, never);
      expect([applyDelta(first.path, `${at}/host`), first.files]).toEqual([old.a, 2]);
      expect(Object.keys(describeTree(`${at}/host/tree`)).sort()).toEqual(['a', 'a/x', 'a/y']);
      const base = {tree: `${at}/host/tree`, manifest: `${at}/host/manifest`};
      const next = await store.delta(old.a, fresh.a, never);
      expect([applyDelta(next.path, `${at}/next`, base), next.files]).toEqual([fresh.a, 1]);
      const moved = await store.delta(old.a, fresh.manifest.id, never);
      expect(applyDelta(moved.path, `${at}/whole`, base)).toBe(fresh.manifest.id);
      expect(fs.readFileSync(`${at}/whole/tree/b/z`, 'utf8')).toBe('other');
    });
  });

  it('stay as long as a snapshot of theirs, and go with the last', async () => {
    await withFolder(async (at) => {
      const [old, fresh] = await fill(at);
      const store = openStore(at);
      expect(await store.parts()).toHaveLength(4);
      await store.prune({keep: 1, protect: [], now: Date.now, signal: never});
      expect((await store.parts()).map(({id}) => id).sort()).toEqual([fresh.a, fresh.b, fresh.b].sort());
      await expect(store.manifest(old.a)).rejects.toThrow('is not in the store');
      expect((await store.manifest(fresh.b)).files).toBe(1);
    });
  });

  it('stay when a host has them, with their objects', async () => {
    await withFolder(async (at) => {
      const [old] = await fill(at);
      const store = openStore(at);
      await store.prune({keep: 1, protect: [old.a], now: Date.now, signal: never});
      expect(await store.verify(old.a, never)).toEqual([]);
    });
  });
});

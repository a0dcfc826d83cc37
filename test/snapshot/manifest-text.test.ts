import {execFileSync} from 'node:child_process';
import {createHash} from 'node:crypto';
import fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import {diffManifests} from '../../src/lib/snapshot/diff.js';
import {followLink, type Place} from '../../src/lib/snapshot/link-target.js';
import type {Digest, Entry} from '../../src/lib/snapshot/manifest.js';
import {parseManifest, renderManifest, snapshotId} from '../../src/lib/snapshot/manifest-text.js';
import {parseIdPrefix, parseSnapshotId} from '../../src/lib/snapshot/snapshot-id.js';
import {catchProblems} from './fixture.js';

const digest = 'a'.repeat(64) as Digest;
const text = (...lines: string[]): string => ['\tdrover-manifest\t1', ...lines, ''].join('\n');

describe('renderManifest()', () => {
  it('writes one line for each entry, sorted bytewise, after the header', () => {
    const entries: Entry[] = [
      {kind: 'link', path: 'latest', target: 'img/2026'},
      {kind: 'directory', path: 'img', mode: 0o555},
      {kind: 'directory', path: 'css', mode: 0o555},
      {kind: 'file', path: 'css/site.css', mode: 0o444, size: 1834, digest},
    ];
    expect(renderManifest(entries)).toBe(
      text('css\td\t555', `css/site.css\tf\t444\t1834\t${digest}`, 'img\td\t555', 'latest\tl\timg/2026'),
    );
  });

  it('sorts as LC_ALL=C sort does, also beyond the basic plane', () => {
    const name = fc
      .oneof(
        fc.constantFrom('a', 'a b', 'a/b', 'a.b', 'a-', '\ue000', '🐑', '\uffee', 'ü', '\ue000/x', '🐑b'),
        fc.string({unit: 'grapheme'}),
      )
      .filter((text) => text !== '' && !/[\p{Cc}\p{Cs}]/u.test(text));
    fc.assert(
      fc.property(fc.uniqueArray(name), (names) => {
        const rendered = renderManifest(names.map((path) => ({kind: 'directory', path, mode: 0o555})));
        const shuffled = rendered.split('\n').slice(0, -1).reverse().join('\n');
        expect(rendered).toBe(execFileSync('sort', {input: `${shuffled}\n`, env: {...process.env, LC_ALL: 'C'}}).toString());
      }),
      {numRuns: 40},
    );
  });

  it('has the SHA-256 of its text as id', () => {
    const empty = renderManifest([]);
    expect(empty).toBe('\tdrover-manifest\t1\n');
    expect(snapshotId(empty)).toBe(createHash('sha256').update('\tdrover-manifest\t1\n').digest('hex'));
  });
});

describe('parseManifest()', () => {
  const file = (path: string, mode = '444', size = '1', sum: string = digest): string => [path, 'f', mode, size, sum].join('\t');
  const cases: ReadonlyArray<readonly [what: string, text: string, message: RegExp]> = [
    ['an empty text', '', /header/],
    ['another header', '\tdrover-manifest\t2\n', /header/],
    ['a missing last line break', text('a\td\t555').slice(0, -1), /line break/],
    ['text after a NUL', text(`a\0b\td\t555`), /control/],
    ['an absolute path', text('/etc\td\t555'), /is absolute/],
    ['a path upwards', text('..\td\t555'), /"\.\."/],
    ['a path through ..', text('a\td\t555', 'a/../b\td\t555'), /"\.\."/],
    ['an empty component', text('a\td\t555', 'a//b\td\t555'), /empty component/],
    ['a dot component', text('.\td\t555'), /"\."/],
    ['an empty line', text(''), /is empty/],
    ['a duplicate', text('a\td\t555', 'a\td\t555'), /there twice/],
    ['a duplicate of another kind', text(file('a'), 'a\tl\tb'), /there twice/],
    ['disorder', text('b\td\t555', 'a\td\t555'), /out of order/],
    ['a missing parent', text(file('a/b')), /parent/],
    ['a file as parent', text(file('a'), file('a/b')), /parent/],
    ['a link as parent', text('a\tl\tb', file('a/c'), 'b\td\t555'), /parent/],
    ['an unknown kind', text('a\tp\t555'), /kind/],
    ['write bits', text(file('a', '644')), /mode/],
    ['set-id bits', text(file('a', '4555')), /mode/],
    ['a leading zero in a mode', text(file('a', '0444')), /mode/],
    ['a negative size', text(file('a', '444', '-1')), /size/],
    ['a leading zero in a size', text(file('a', '444', '01')), /size/],
    ['a size beyond all bounds', text(file('a', '444', '9'.repeat(16))), /size/],
    ['a short digest', text(file('a', '444', '1', 'ab')), /digest/],
    ['an upper-case digest', text(file('a', '444', '1', 'A'.repeat(64))), /digest/],
    ['a field too many', text(`${file('a')}\tx`), /5 fields/],
    ['a directory with a size', text('a\td\t555\t0'), /3 fields/],
    ['a carriage return', text('a\td\t555\r'), /mode/],
    ['an absolute link', text('a\tl\t/etc/passwd'), /absolute/],
    ['an empty link', text('a\tl\t'), /target "" is empty/],
    ['a link out of the tree', text('a\tl\t../x'), /leaves the tree/],
    [
      'a link out of the tree through another link',
      text('a\td\t555', 'a/b\td\t555', 'a/b/up\tl\t../..', 'out\tl\ta/b/up/../x'),
      /line 5.*leaves the tree/,
    ],
    ['a component of 256 bytes', text(`${'é'.repeat(128)}\td\t555`), /255 bytes/],
  ];
  it.each(cases)('refuses %s', async (_, bad, message) => {
    const error = await catchProblems(() => parseManifest(bad));
    expect(error.code).toBe('integrity');
    expect(error.message).toMatch(message);
  });

  it('counts files and bytes', () => {
    expect(parseManifest(text('a\td\t555', file('a/b', '555', '7'), file('c', '444', '3')))).toMatchObject({files: 2, bytes: 10});
  });

  it('never takes text that it would not have written', () => {
    const good = text('a\td\t555', file('a/b'), 'c\tl\ta/b');
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.constantFrom('', '\t', '\n', '/', '.', '0', '7', 'x', 'xx', '\r'), (at, instead) => {
        const altered = good.slice(0, at) + instead + good.slice(at + 1);
        let parsed: ReturnType<typeof parseManifest>;
        try {
          parsed = parseManifest(altered);
        } catch {
          return;
        }
        expect(renderManifest(parsed.entries)).toBe(altered);
      }),
      {numRuns: 500},
    );
  });
});

describe('followLink()', () => {
  const places: Readonly<Record<string, Place>> = {
    d: {kind: 'directory'},
    'd/e': {kind: 'directory'},
    'd/e/f': {kind: 'file'},
    'd/root': {kind: 'link', target: '..'},
    a: {kind: 'link', target: 'b'},
    b: {kind: 'link', target: 'a'},
    self: {kind: 'link', target: 'self'},
  };
  const look = (path: string): Place => places[path] ?? {kind: 'nothing'};
  it.each([
    ['x', 'd/e/f', 'inside'],
    ['x', 'd', 'inside'],
    ['x', '.', 'inside'],
    ['d/x', '..', 'inside'],
    ['d/e/x', '../e/../../d/./e//f', 'inside'],
    ['d/x', '../..', 'escapes'],
    ['x', '..', 'escapes'],
    ['x', 'd/../../y', 'escapes'],
    ['x', 'd/root/..', 'escapes'],
    ['x', 'nothing/../../y', 'escapes'],
    ['x', 'nothing', 'dangling'],
    ['x', 'd/e/f/g', 'dangling'],
    ['x', 'a', 'loop'],
    ['self', 'self', 'loop'],
  ] as const)('says of %s -> %s: %s', (path, target, end) => {
    expect(followLink(path, target, look)).toBe(end);
  });
});

describe('a snapshot id', () => {
  it.each(['../x', '9f3c\n', '9f;3c', '9F3C', 'g'])('T3: may hold only hex digits, not %j', async (bad) => {
    const error = await catchProblems(() => parseIdPrefix(bad));
    expect(error).toMatchObject({code: 'usage', exit: 2, message: `snapshot id may hold only [0-9a-f], got ${JSON.stringify(bad)}`});
  });

  it('can be shortened to 4 digits, no more', async () => {
    expect(parseIdPrefix('9f3c')).toBe('9f3c');
    expect((await catchProblems(() => parseIdPrefix('9f3'))).message).toBe('snapshot id needs at least 4 digits, got "9f3"');
    expect((await catchProblems(() => parseIdPrefix('a'.repeat(65)))).code).toBe('usage');
  });

  it('has 64 digits when it is whole', async () => {
    expect(parseSnapshotId(digest)).toBe(digest);
    expect((await catchProblems(() => parseSnapshotId('9f3c'))).message).toMatch(/must have 64 digits, got "9f3c"/);
  });
});

describe('diffManifests()', () => {
  it('tells apart what was added, removed, and changed in content, mode and kind', () => {
    const other = 'b'.repeat(64) as Digest;
    const file = (path: string, mode: number, sum: Digest): Entry => ({kind: 'file', path, mode, size: 5, digest: sum});
    const before: Entry[] = [
      file('bytes', 0o444, digest),
      file('gone', 0o444, digest),
      {kind: 'directory', path: 'kind', mode: 0o555},
      {kind: 'link', path: 'link', target: 'a'},
      file('mode', 0o444, digest),
      file('same', 0o444, digest),
    ];
    const after: Entry[] = [
      file('bytes', 0o444, other),
      file('kind', 0o444, digest),
      {kind: 'link', path: 'link', target: 'b'},
      file('mode', 0o555, digest),
      file('new', 0o444, digest),
      file('same', 0o444, digest),
    ];
    const {changes, ...counts} = diffManifests({entries: before}, {entries: after});
    expect(counts).toEqual({added: 1, removed: 1, changed: 4, bytes: 15});
    expect(
      changes.map((change) => (change.kind === 'changed' ? `${change.after.path} ${change.what}` : `${change.entry.path} ${change.kind}`)),
    ).toEqual(['bytes content', 'gone removed', 'kind kind', 'link content', 'mode mode', 'new added']);
  });
});

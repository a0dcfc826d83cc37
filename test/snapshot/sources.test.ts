import fs from 'node:fs';
import {describe, expect, it} from 'vitest';
import type {CreatedSnapshot} from '../../src/lib/snapshot/create-snapshot.js';
import {decodeOrigins} from '../../src/lib/snapshot/origins.js';
import {catchProblems, snap, withFolder} from './fixture.js';
import {directory, make, merged, readFile} from './source-fixture.js';

/** Path -> the source it came from. */
function origins({manifest, record}: CreatedSnapshot): Record<string, string | undefined> {
  const indexes = decodeOrigins(record.origins ?? '');
  return Object.fromEntries(manifest.entries.map(({path}, index) => [path, record.sources?.[indexes[index] ?? -1]?.name]));
}

describe('several sources', () => {
  it('become one tree, and each path knows where it came from', async () => {
    await withFolder(async (folder) => {
      const a = make(`${folder}/a`, {'index.html': 'A', 'css/a.css': 'a'});
      const b = make(`${folder}/b`, {'css/b.css': 'b', 'page.html': 'B'});
      const taken = await snap(folder, '', {source: merged([directory(a), directory(b), directory(b, 'mirror/of')])});
      expect(origins(taken)).toEqual({
        css: 'b',
        'css/a.css': 'a',
        'css/b.css': 'b',
        'index.html': 'a',
        mirror: 'b',
        'mirror/of': 'b',
        'mirror/of/css': 'b',
        'mirror/of/css/b.css': 'b',
        'mirror/of/page.html': 'b',
        'page.html': 'b',
      });
      expect(taken.record.sources).toEqual([{name: 'a'}, {name: 'b'}, {name: 'b', at: 'mirror/of'}]);
      expect(await readFile(folder, taken, 'mirror/of/css/b.css')).toBe('b');
    });
  });

  it('with the same tree give the id of that tree in one folder', async () => {
    await withFolder(async (folder) => {
      const a = make(`${folder}/a`, {'x/1': '1', y: '2'});
      const b = make(`${folder}/b`, {'x/3': '3'});
      const whole = make(`${folder}/whole`, {'x/1': '1', y: '2', 'x/3': '3'});
      const one = await snap(folder, whole);
      expect((await snap(folder, '', {source: merged([directory(a), directory(b)])})).record.id).toBe(one.record.id);
      expect((await snap(folder, '', {source: merged([directory(b), directory(a)])})).record.id).toBe(one.record.id);
    });
  });

  it('T21: of code and its settings have one id for both: no other settings go with it', async () => {
    await withFolder(async (folder) => {
      const code = make(`${folder}/code`, {'bin/app': 'code'});
      const settings = make(`${folder}/settings`, {'app.conf': 'cache=on'});
      const take = (): Promise<CreatedSnapshot> => snap(folder, '', {source: merged([directory(code), directory(settings, 'etc')])});
      const first = (await take()).record.id;
      fs.writeFileSync(`${settings}/app.conf`, 'cache=of');
      const second = (await take()).record.id;
      expect(second).not.toBe(first);
      fs.writeFileSync(`${settings}/app.conf`, 'cache=on');
      expect((await take()).record.id).toBe(first);
    });
  });

  it('refuse a path that two of them have, each by name and all at once', async () => {
    await withFolder(async (folder) => {
      const a = make(`${folder}/a`, {same: '1', 'd/also': '2', mine: '3'});
      const b = make(`${folder}/b`, {same: '1', d: 'a file'});
      const error = await catchProblems(() => snap(folder, '', {source: merged([directory(a), directory(b)])}));
      expect(error.problems.map(({message}) => message)).toEqual(['"d" comes from a and from b', '"same" comes from a and from b']);
      expect(error).toMatchObject({code: 'invalid-source', exit: 3});
      expect(error.problems[0].fix).toContain('on-conflict');
    });
  });

  it.each([
    ['first', {d: 'a', 'd/also': 'a', mine: 'a', same: 'a', theirs: 'b'}, '1'],
    ['last', {d: 'b', mine: 'a', same: 'b', theirs: 'b'}, '2'],
  ] as const)('with on-conflict: %s take one of them, and say so', async (onConflict, expected, content) => {
    await withFolder(async (folder) => {
      const a = make(`${folder}/a`, {same: '1', 'd/also': '2', mine: '3'});
      const b = make(`${folder}/b`, {same: '2', d: 'a file', theirs: '4'});
      const taken = await snap(folder, '', {source: merged([directory(a), directory(b)], onConflict)});
      expect(origins(taken)).toEqual(expected);
      expect(await readFile(folder, taken, 'same')).toBe(content);
      const [won, lost] = onConflict === 'first' ? ['a', 'b'] : ['b', 'a'];
      expect(taken.warnings).toContain(`"same" is taken from ${won}; ${lost} has it too`);
    });
  });

  it('are judged as one tree: a link may lead from one into another, and not out of all', async () => {
    await withFolder(async (folder) => {
      const a = make(`${folder}/a`, {page: 'x'});
      const b = make(`${folder}/b`, {up: '-> ../page'});
      const taken = await snap(folder, '', {source: merged([directory(a), directory(b, 'sub')])});
      expect(taken.warnings).toEqual([]);
      expect(taken.manifest.entries.at(-1)).toMatchObject({path: 'sub/up', target: '../page'});
      const error = await catchProblems(() => snap(folder, '', {source: merged([directory(a), directory(b)])}));
      expect(error.message).toBe('"up" in a + b is a link to "../page", outside the tree');
    });
  });

  it('are not read again when nothing has changed', async () => {
    await withFolder(async (folder) => {
      const a = make(`${folder}/a`, {'1': 'one'});
      const b = make(`${folder}/b`, {'2': 'two'});
      for (const file of [`${a}/1`, `${b}/2`]) fs.utimesSync(file, new Date(0), new Date(0));
      const source = merged([directory(a), directory(b)]);
      // Five seconds on, so that the files do not count as just written.
      const now = (): number => Date.now() + 5000;
      const first = await snap(folder, '', {source, now});
      fs.chmodSync(`${folder}/a/1`, 0o644);
      const read: string[] = [];
      const {openSync} = fs;
      try {
        Object.assign(fs, {
          openSync: (...words: Parameters<typeof openSync>) => {
            read.push(String(words[0]));
            return openSync(...words);
          },
        });
        const again = await snap(folder, '', {source, now});
        expect(again.record.id).toBe(first.record.id);
      } finally {
        Object.assign(fs, {openSync});
      }
      expect(read.filter((file) => file.startsWith(b))).toEqual([]);
    });
  });

  it('that are all empty are refused unless that is meant', async () => {
    await withFolder(async (folder) => {
      fs.mkdirSync(`${folder}/a`);
      fs.mkdirSync(`${folder}/b`);
      const source = merged([directory(`${folder}/a`), directory(`${folder}/b`)]);
      expect(await catchProblems(() => snap(folder, '', {source, allowEmpty: false}))).toMatchObject({message: 'a + b are empty'});
    });
  });
});

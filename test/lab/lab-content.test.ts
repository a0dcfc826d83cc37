import {cp, readdir, readFile, rm} from 'node:fs/promises';
import path from 'node:path';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import {breakContent, changeOnePercent, listContentPaths, writeContent} from '../../src/lib/lab/lab-content.js';
import {makeFolder} from './practice-fleet.js';

async function readTree(dir: string): Promise<Map<string, string>> {
  const names = await readdir(dir, {recursive: true, withFileTypes: true});
  const files = names.filter((entry) => entry.isFile()).map((entry) => path.relative(dir, path.join(entry.parentPath, entry.name)));
  return new Map(
    await Promise.all(files.sort().map(async (name): Promise<[string, string]> => [name, await readFile(path.join(dir, name), 'latin1')])),
  );
}

let dir: string;
beforeEach(async () => {
  dir = await makeFolder();
});
afterEach(() => rm(dir, {recursive: true}));

const at = (name: string) => path.join(dir, name);

describe('writeContent()', () => {
  it('writes the same bytes for the same options', async () => {
    for (const name of ['one', 'two']) await writeContent(at(name), {version: 3, pages: 40});
    expect(await readTree(at('one'))).toEqual(await readTree(at('two')));
  });

  it('lists every page in the sitemap, and writes a file for each', async () => {
    await writeContent(at('one'), {version: 1, pages: 12});
    const tree = await readTree(at('one'));
    const listed = [...(tree.get('sitemap.xml') ?? '').matchAll(/<loc>https:\/\/www\.example\.com([^<]*)<\/loc>/g)].map(([, page]) => page);
    expect(listed).toEqual(listContentPaths(12));
    for (const page of listed) expect([...tree.keys()]).toContain(page === '/' ? 'index.html' : page?.slice(1));
  });
});

describe('changeOnePercent()', () => {
  it.each([2, 50, 101, 250])(
    'gives what version %i is when written anew, by changing the front page and three articles of 300',
    async (version) => {
      await writeContent(at('one'), {version: version - 1, pages: 300});
      const before = await readTree(at('one'));
      const changed = await changeOnePercent(at('one'), {version, pages: 300});
      const after = await readTree(at('one'));
      await writeContent(at('two'), {version, pages: 300});
      expect(after).toEqual(await readTree(at('two')));
      expect([...after].filter(([name, text]) => before.get(name) !== text).map(([name]) => name)).toEqual(changed.sort());
      expect(changed).toHaveLength(4);
    },
  );
});

describe('breakContent()', () => {
  it('adds BROKEN and nothing else', async () => {
    await writeContent(at('one'), {version: 1, pages: 2});
    await cp(at('one'), at('two'), {recursive: true});
    await breakContent(at('two'));
    const before = await readTree(at('one'));
    const after = await readTree(at('two'));
    expect([...after.keys()].filter((name) => !before.has(name))).toEqual(['BROKEN']);
  });
});

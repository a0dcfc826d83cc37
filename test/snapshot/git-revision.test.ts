import {execFileSync} from 'node:child_process';
import fs from 'node:fs';
import {describe, expect, it} from 'vitest';
import type {SourceSet} from '../../src/lib/snapshot/create-snapshot.js';
import {catchProblems, openStore, snap, withFolder} from './fixture.js';
import {make, merged, readFile} from './source-fixture.js';

const git = (folder: string, ...words: string[]): string =>
  execFileSync('git', ['-C', folder, '-c', 'user.name=n', '-c', 'user.email=e@example.com', ...words], {encoding: 'utf8'}).trim();

describe('a git revision', () => {
  const env = {PATH: process.env.PATH ?? '', HOME: '/nonexistent'};
  const revision = (repository: string, rev: string, path?: string): SourceSet =>
    merged([{kind: 'git', name: `git ${rev}`, repository, revision: rev, ...(path === undefined ? {} : {path})}]);

  function makeRepository(folder: string): string {
    const repository = make(`${folder}/repository`, {
      '.gitattributes': 'version export-subst\nsecret export-ignore\n',
      version: '$Format:%H$\n',
      secret: 's',
      'dist/page': 'committed\r\n',
      'dist/run': '#!/bin/sh\n',
      'dist/link': '-> page',
    });
    fs.chmodSync(`${repository}/dist/run`, 0o755);
    git(folder, 'init', '-q', '-b', 'main', 'repository');
    git(repository, 'add', '.');
    git(repository, 'commit', '-q', '-m', 'one');
    return repository;
  }

  it('is what git archive gives: attributes count, the working tree does not, and the commit is recorded', async () => {
    await withFolder(async (folder) => {
      const repository = makeRepository(folder);
      const commit = git(repository, 'rev-parse', 'HEAD');
      fs.writeFileSync(`${repository}/dist/page`, 'dirty');
      fs.writeFileSync(`${repository}/untracked`, 'x');
      git(repository, 'config', 'core.autocrlf', 'true');
      git(repository, 'config', 'tar.umask', '0077');
      const taken = await snap(folder, '', {source: revision(repository, 'main'), env});
      expect(taken.manifest.entries.map(({path}) => path)).toEqual([
        '.gitattributes',
        'dist',
        'dist/link',
        'dist/page',
        'dist/run',
        'version',
      ]);
      expect(await readFile(folder, taken, 'version')).toBe(`${commit}\n`);
      expect(await readFile(folder, taken, 'dist/page')).toBe('committed\r\n');
      expect(taken.manifest.entries.find(({path}) => path === 'dist/run')).toMatchObject({mode: 0o555});
      expect(taken.record.sources).toEqual([{name: 'git main', commit}]);
    });
  });

  it('may be a path of it', async () => {
    await withFolder(async (folder) => {
      const taken = await snap(folder, '', {source: revision(makeRepository(folder), 'HEAD', 'dist'), env});
      expect(taken.manifest.entries.map(({path}) => path)).toEqual(['link', 'page', 'run']);
    });
  });

  it('ignores the variables of a hook that names another repository', async () => {
    await withFolder(async (folder) => {
      const repository = makeRepository(folder);
      const hook = {...env, GIT_DIR: '/nowhere', GIT_INDEX_FILE: '/nowhere/index'};
      expect((await snap(folder, '', {source: revision(repository, 'main', 'dist'), env: hook})).manifest.files).toBe(2);
    });
  });

  it.each([
    ['no-such-branch', undefined, /^revision "no-such-branch" is not a commit of /],
    ['main', 'none', /^git main \(commit [0-9a-f]{12}\) has no "none"$/],
    ['main:dist', undefined, /^revision "main:dist" is not a commit of /],
    ['--output=/tmp/x', undefined, /^revision "--output=\/tmp\/x" is not a commit of /],
  ])('%s %s is refused', async (rev, path, message) => {
    await withFolder(async (folder) => {
      const error = await catchProblems(() => snap(folder, '', {source: revision(makeRepository(folder), rev, path), env}));
      expect(error).toMatchObject({code: 'invalid-source', message: expect.stringMatching(message)});
      expect(await openStore(folder).list()).toEqual([]);
      expect(fs.existsSync('/tmp/x')).toBe(false);
    });
  });

  it('of no repository, and where git is missing, is refused', async () => {
    await withFolder(async (folder) => {
      fs.mkdirSync(`${folder}/plain`);
      const inNone = {...env, GIT_CEILING_DIRECTORIES: folder};
      expect((await catchProblems(() => snap(folder, '', {source: revision(`${folder}/plain`, 'main'), env: inNone}))).message).toMatch(
        /plain is not a git repository/,
      );
      const without = await catchProblems(() => snap(folder, '', {source: revision(folder, 'main'), env: {PATH: folder}}));
      expect(without.problems[0]).toMatchObject({message: expect.stringContaining('git is needed'), fix: 'install git'});
    });
  });
});

import {execFileSync} from 'node:child_process';
import {rmSync} from 'node:fs';
import path from 'node:path';
import type {Contender} from './contest.js';
import {makeProject} from './drover-project.js';

/** Every program that can keep a tree, each in the way its manual shows; those that are not installed are left out. */
export function listContenders(tree: string, work: string, peers: ReadonlyMap<string, string>, quick: boolean): readonly Contender[] {
  const at = (name: string): string => path.join(work, name);
  const fresh =
    (...names: readonly string[]) =>
    () => {
      for (const name of names) rmSync(at(name), {recursive: true, force: true});
    };
  const shell = (script: string): readonly string[] => ['sh', '-c', script];
  const project = makeProject(at('drover'), tree);
  const cwd = tree;
  const git = {cwd, env: {GIT_DIR: at('git'), GIT_WORK_TREE: tree}};
  const restic = {cwd, env: {RESTIC_PASSWORD: 'none', RESTIC_REPOSITORY: at('restic'), RESTIC_CACHE_DIR: at('restic-cache')}};
  const borg = {cwd, env: {BORG_REPO: at('borg'), BORG_BASE_DIR: at('borg-home'), BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK: 'yes'}};
  const ask = (command: readonly string[], env: Readonly<Record<string, string>>): void => {
    execFileSync(command[0] ?? '', command.slice(1), {cwd, env: {...process.env, ...env}, stdio: 'ignore'});
  };
  const all: readonly (Contender & {readonly needs?: string; readonly slow?: true})[] = [
    {name: 'find | sha256sum', command: shell('find . -type f -print0 | xargs -0 sha256sum >/dev/null'), cwd},
    {name: 'tar | zstd -3', needs: 'zstd', command: shell(`tar -cf - . | zstd -q -3 -f -o ${at('tar.zst')}`), cwd},
    {
      name: 'casync make',
      needs: 'casync',
      prepare: fresh('casync.caidx', 'casync.castr'),
      command: ['casync', 'make', `--store=${at('casync.castr')}`, at('casync.caidx'), tree],
      cwd,
    },
    {
      name: 'restic first',
      needs: 'restic',
      prepare: () => {
        fresh('restic', 'restic-cache')();
        ask(['restic', 'init', '-q'], restic.env);
      },
      command: ['restic', 'backup', '-q', '.'],
      ...restic,
    },
    {name: 'restic again', needs: 'restic', command: ['restic', 'backup', '-q', '.'], ...restic},
    {
      name: 'git add, commit',
      needs: 'git',
      prepare: () => {
        fresh('git')();
        ask(['git', 'init', '-q'], git.env);
      },
      command: shell('git add -A && git -c user.name=bench -c user.email=bench@example.com commit -qm bench'),
      ...git,
    },
    {name: 'git status', needs: 'git', prepare: () => ask(['git', 'status'], git.env), command: ['git', 'status', '--porcelain'], ...git},
    {
      name: 'borg first',
      needs: 'borg',
      slow: true,
      prepare: () => {
        fresh('borg', 'borg-home')();
        ask(['borg', 'init', '-e', 'none'], borg.env);
      },
      command: ['borg', 'create', '::first', '.'],
      ...borg,
    },
    {
      name: 'borg again',
      needs: 'borg',
      slow: true,
      prepare: () => ask(['sh', '-c', 'borg delete ::again || :'], borg.env),
      command: ['borg', 'create', '::again', '.'],
      ...borg,
    },
    {name: 'rsync first', needs: 'rsync', prepare: fresh('rsync'), command: ['rsync', '-a', './', at('rsync')], cwd},
    {name: 'rsync again', needs: 'rsync', command: ['rsync', '-a', './', at('rsync')], cwd},
    {name: 'drover first', prepare: project.forget, ...project.command('snapshot', 'content')},
    {name: 'drover again', ...project.command('snapshot', 'content')},
  ];
  return all
    .filter(({needs, slow}) => (needs === undefined || peers.has(needs)) && !(quick && slow === true))
    .map(({needs: _needs, slow: _slow, ...contender}) => contender);
}

import type {Readable} from 'node:stream';
import {text} from 'node:stream/consumers';
import {DroverError} from '../errors/drover-error.js';
import {type ProgramEnd, runProgram} from './run-program.js';
import type {SourceContext, TreeSource} from './tree-source.js';
import {unpackTar} from './unpack-tar.js';

type Revision = Extract<TreeSource, {kind: 'git'}>;

const deadlineMs = 600_000;
/** What this machine is set to must not change the bytes or modes of a revision. */
const settings = ['core.autocrlf=false', 'core.eol=lf', 'core.attributesFile=/dev/null', 'tar.umask=0022'].flatMap((each) => ['-c', each]);

/**
 * Exports a revision as `git archive` does (`export-ignore` and `export-subst` of its own .gitattributes count) into a directory. Neither the
 * working tree, nor the index, nor the settings of this machine have a say. Gives the commit that the revision named.
 */
export async function exportRevision(
  source: Revision,
  context: SourceContext & {readonly into: string},
): Promise<{readonly commit: string; readonly warnings: readonly string[]}> {
  const {repository, revision, path, name} = source;
  const {into, limits, signal} = context;
  const git = new Git(repository, context);
  const [found, commit] = await git.read('rev-parse', '--verify', '--quiet', '--end-of-options', `${revision}^{commit}`);
  if (found.kind === 'unstartable') throw refuse(`git is needed for ${name}: ${found.why}`, 'install git');
  if (!isDone(found)) {
    const [here] = await git.read('rev-parse', '--git-dir');
    if (!isDone(here)) throw refuse(`${repository} is not a git repository that can be read: ${git.said}`, 'correct "git"');
    throw refuse(`revision ${JSON.stringify(revision)} is not a commit of ${repository}`, 'fetch it, or correct "rev"');
  }
  const [listed, modules] = await git.read('ls-tree', '-r', '-d', '--full-tree', commit, ...(path === undefined ? [] : ['--', path]));
  if (!isDone(listed)) throw refuse(`git cannot list ${commit}: ${git.said}`, 'run: git fsck');
  const empty = modules.split('\n').flatMap((line) => /^160000 [^\t]*\t(.*)$/.exec(line)?.[1] ?? []);
  let warnings: readonly string[] = [];
  const below = path === undefined ? {} : {below: path};
  const archived = await git.run(
    ['archive', '--format=tar', commit, ...(path === undefined ? [] : ['--', `:(top,literal)${path}`])],
    async (stream) => {
      warnings = await unpackTar({stream, into, name, ...below, limits, signal});
    },
  );
  if (!isDone(archived)) {
    const why = git.said.includes('pathspec') ? `has no ${JSON.stringify(path)}` : `cannot be exported: ${git.said}`;
    throw refuse(`${name} (commit ${commit.slice(0, 12)}) ${why}`, 'name another revision or path');
  }
  const submodules = empty.map((at) => `"${at}" is a submodule: git archive leaves it empty`);
  return {commit, warnings: [...warnings, ...submodules]};
}

function refuse(message: string, fix: string): DroverError {
  return new DroverError({code: 'invalid-source', message, fix});
}

function isDone(end: ProgramEnd): boolean {
  return end.kind === 'exited' && end.status === 0;
}

class Git {
  /** The last line it wrote to standard error. */
  said = '';
  readonly #repository: string;
  readonly #context: SourceContext;

  constructor(repository: string, context: SourceContext) {
    this.#repository = repository;
    this.#context = context;
  }

  async read(...words: string[]): Promise<[ProgramEnd, string]> {
    let output = '';
    const end = await this.run(words, async (stream) => {
      output = (await text(stream)).trim();
    });
    return [end, output];
  }

  run(words: readonly string[], take: (output: Readable) => Promise<void>): Promise<ProgramEnd> {
    const {env, signal} = this.#context;
    // A hook's variables would name another repository, or an index.
    const clean = Object.fromEntries(Object.entries(env).filter(([key]) => !key.startsWith('GIT_')));
    return runProgram({
      command: ['git', '-C', this.#repository, ...settings, ...words],
      folder: '/',
      env: {...clean, LC_ALL: 'C', GIT_TERMINAL_PROMPT: '0', GIT_OPTIONAL_LOCKS: '0', GIT_NO_REPLACE_OBJECTS: '1'},
      deadlineMs,
      signal,
      say: (line) => {
        this.said = line;
      },
      take,
    });
  }
}

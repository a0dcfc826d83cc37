import {DroverError} from '../errors/drover-error.js';
import {type ProgramEnd, runProgram} from './run-program.js';
import type {OpenedSource, SourceContext, TreeSource} from './tree-source.js';
import {unpackTar} from './unpack-tar.js';

type CommandSource = Extract<TreeSource, {kind: 'run'}>;

/** Runs the command of a source; a tree that a failing command left half done is never taken. */
export async function runCommand(source: CommandSource, context: SourceContext): Promise<OpenedSource> {
  const {command, folder, out, deadlineMs, name} = source;
  const {limits, signal, say} = context;
  const into = out.kind === 'folder' ? out.path : await context.work();
  let warnings: readonly string[] = [];
  const end = await runProgram({
    command: ['/bin/sh', '-c', command],
    folder,
    env: out.kind === 'given' ? {...context.env, DROVER_OUT: into} : context.env,
    deadlineMs,
    signal,
    say,
    ...(out.kind === 'tar'
      ? {
          take: async (stream) => {
            warnings = await unpackTar({stream, into, name: `the output of ${name}`, limits, signal});
          },
        }
      : {}),
  });
  refuseFailure(end, source);
  return out.kind === 'folder' ? {root: into, warnings} : {root: into, key: `run\n${folder}\n${command}`, warnings};
}

function refuseFailure(end: ProgramEnd, {name, deadlineMs}: CommandSource): void {
  const refuse = (what: string, fix: string): DroverError =>
    new DroverError({code: 'invalid-source', message: `${name} ${what}; nothing was stored`, fix});
  switch (end.kind) {
    case 'exited':
      if (end.status !== 0) throw refuse(`exited ${end.status}`, 'correct what it says above');
      return;
    case 'killed':
      throw refuse(`was ended by ${end.signal}`, 'look at what it says above');
    case 'late':
      throw refuse(`was not done after ${deadlineMs / 1000} s`, 'give the source a later deadline');
    case 'unstartable':
      throw refuse(`cannot be started: ${end.why}`, 'correct the command');
  }
}

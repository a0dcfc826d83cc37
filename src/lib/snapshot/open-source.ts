import fs from 'node:fs';
import type {Readable} from 'node:stream';
import {DroverError} from '../errors/drover-error.js';
import {readErrorCode} from './error-code.js';
import type {OpenedSource, SourceContext, TreeSource} from './tree-source.js';

/**
 * The door to the kinds of sources: brings one into a directory where it is in none yet. Whatever goes wrong on the way, a program that fails, an
 * archive that was cut, is `invalid-source` and gives no tree. What a folder does not need is loaded when another kind does.
 */
export async function openSource(source: TreeSource, context: SourceContext): Promise<OpenedSource> {
  switch (source.kind) {
    case 'directory':
      return {root: source.path, warnings: []};
    case 'git': {
      const [{exportRevision}, into] = await Promise.all([import('./export-revision.js'), context.work()]);
      const {commit, warnings} = await exportRevision(source, {...context, into});
      return {root: into, key: `git\n${source.repository}\n${source.path ?? ''}`, commit, warnings};
    }
    case 'run':
      return (await import('./run-command.js')).runCommand(source, context);
    case 'tar':
      refuseMissing(source.file);
      return unpack(fs.createReadStream(source.file), source, `tar\n${source.file}`, context);
    case 'stream':
      return unpack(source.stream, source, 'stream', context);
  }
}

async function unpack(stream: Readable, {name}: TreeSource, key: string, context: SourceContext): Promise<OpenedSource> {
  const [{unpackTar}, into] = await Promise.all([import('./unpack-tar.js'), context.work()]);
  try {
    return {root: into, key, warnings: await unpackTar({stream, into, name, limits: context.limits, signal: context.signal})};
  } catch (error) {
    const code = readErrorCode(error);
    const isOurs = error instanceof Error && 'path' in error && typeof error.path === 'string' && error.path.startsWith(into);
    if (code === undefined || isOurs || code === 'ENOSPC') throw error;
    throw new DroverError({code: 'invalid-source', message: `${name} cannot be read (${code})`, fix: 'make it readable for you'});
  }
}

function refuseMissing(file: string): void {
  if (fs.statSync(file, {throwIfNoEntry: false})?.isDirectory() === true) {
    throw new DroverError({code: 'invalid-source', message: `${file} is a directory, not an archive`, fix: 'use it as a source directly'});
  }
  if (!fs.existsSync(file)) throw new DroverError({code: 'not-found', message: `archive ${file} does not exist`, fix: 'name the archive'});
}

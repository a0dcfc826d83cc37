import path from 'node:path';
import * as z from 'zod';
import type {AppSource, SourcePart} from './app.js';
import {parseRelativePath} from './path-grammar.js';
import {choiceField, durationField, mapField, namedField, textField} from './schema-field.js';
import {writeIssue} from './schema-problems.js';

const relative = (name: string, description: string) =>
  namedField(name, parseRelativePath, {as: 'path', rule: 'a relative path without . or ..', description});

/** A revision that git cannot take for an option. */
function parseRevision(text: string): string | undefined {
  return /^[^-\s\p{Cc}][^\s\p{Cc}]{0,250}$/u.test(text) ? text : undefined;
}

const at = relative('at', 'Where its tree begins in the snapshot').optional();

/** A part as it is written: paths still relative to the folder of the file. */
type WrittenPart = (folder: string) => SourcePart;

const place = (where: string | undefined): {at?: string} => (where === undefined ? {} : {at: where});

function placeDirectory(from: string, where?: string): WrittenPart {
  return (folder) => ({kind: 'directory', name: from, path: path.resolve(folder, from), ...place(where)});
}

const directoryText = textField('source', {description: 'Tree to snapshot, from the folder of this file', examples: ['./dist']});

const directory = mapField({from: textField('from', {description: 'Folder, from the folder of this file', examples: ['./public']}), at});

const git = mapField({
  git: textField('git', {description: 'Git repository, from the folder of this file', examples: ['.']}),
  rev: namedField('rev', parseRevision, {
    as: 'revision',
    rule: 'a branch, tag or commit',
    description: 'What is exported, as git archive does',
    default: 'HEAD',
    examples: ['main', 'v1.4.2'],
  }).optional(),
  path: relative('path', 'Only what lies below this path of the repository').optional(),
  at,
});

const run = mapField({
  run: textField('run', {description: 'Shell command that makes the tree, in the folder of this file', examples: ['npm run build']}),
  out: relative('out', 'Folder it makes; without out or tar it fills the folder that $DROVER_OUT names').optional(),
  tar: z.literal(true).meta({description: 'It writes a tar, plain or gzipped, to standard output'}).optional(),
  deadline: durationField('deadline', {description: 'When to give up', default: '30m'}).optional(),
  at,
}).superRefine(({out, tar}, context) => {
  if (out !== undefined && tar !== undefined) {
    context.addIssue({code: 'custom', path: ['tar'], message: writeIssue('a command has either out or tar, not both', 'remove one')});
  }
});

const archive = mapField({tar: textField('tar', {description: 'Archive, plain or gzipped, from the folder of this file'}), at});

const part = z.union([
  directoryText.transform((from) => placeDirectory(from)),
  directory.transform(({from, at: where}) => placeDirectory(from, where)),
  git.transform(
    ({git: repository, rev = 'HEAD', path: below, at: where}): WrittenPart =>
      (folder) => ({
        kind: 'git',
        name: `git ${repository} ${rev}${below === undefined ? '' : `:${below}`}`,
        repository: path.resolve(folder, repository),
        revision: rev,
        ...(below === undefined ? {} : {path: below}),
        ...place(where),
      }),
  ),
  run.transform(
    ({run: command, out, tar, deadline = 1_800_000, at: where}): WrittenPart =>
      (folder) => ({
        kind: 'run',
        name: `command ${JSON.stringify(command)}`,
        command,
        folder,
        out: tar === true ? {kind: 'tar'} : out === undefined ? {kind: 'given'} : {kind: 'folder', path: path.resolve(folder, out)},
        deadlineMs: deadline,
        ...place(where),
      }),
  ),
  archive.transform(
    ({tar, at: where}): WrittenPart =>
      (folder) => ({kind: 'tar', name: tar, file: path.resolve(folder, tar), ...place(where)}),
  ),
]);

/** One source, or a list of them. */
export const sourceSchema = z.union([
  part.transform((one) => [one]),
  z.array(part).superRefine((parts, context) => {
    if (parts.length === 0) context.addIssue({code: 'custom', message: writeIssue('source is empty', 'name at least one')});
  }),
]);

export const onConflictSchema = choiceField(['error', 'first', 'last'], {
  description: 'What happens to a path that two sources have',
  default: 'error',
});

/** Brings what was written to its place below the folder of the file. */
export function placeSource(
  parts: z.output<typeof sourceSchema>,
  onConflict: AppSource['onConflict'] = 'error',
  folder: string,
): AppSource {
  return {parts: parts.map((write) => write(folder)), onConflict};
}

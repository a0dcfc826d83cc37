import {execFileSync} from 'node:child_process';
import fs from 'node:fs';
import {expect} from 'vitest';
import type {SourceSet} from '../../src/lib/snapshot/create-snapshot.js';
import {applyDelta, catchProblems, describeTree, never, openStore, snap} from './fixture.js';

export async function fill(folder: string, make: (source: string) => void | Promise<void>): Promise<string> {
  const source = `${folder}/source`;
  fs.mkdirSync(source);
  await make(source);
  return source;
}

/** What a snapshot of the source is refused with. */
export async function refusals(folder: string, source: string): Promise<string[]> {
  const error = await catchProblems(() => snap(folder, source));
  expect(error).toMatchObject({code: 'invalid-source', exit: 3});
  expect(await openStore(folder).list()).toEqual([]);
  return error.problems.map(({message}) => message.replaceAll(source, 'SOURCE'));
}

/** Unpacks a snapshot as a host does. */
export async function unpack(folder: string, source: string): Promise<Record<string, string>> {
  const {record} = await snap(folder, source);
  const delta = await openStore(folder).delta(undefined, record.id, never);
  expect(applyDelta(delta.path, `${folder}/host`)).toBe(record.id);
  return describeTree(`${folder}/host/tree`);
}

export const tarOf = (folder: string, source: string, ...words: string[]): SourceSet => {
  const file = `${folder}/tree.tar`;
  execFileSync('tar', ['-C', source, ...words, '-cf', file, '.']);
  return {parts: [{kind: 'tar', name: 'tree.tar', file}], onConflict: 'error'};
};

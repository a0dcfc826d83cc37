import fs from 'node:fs';
import type {CreatedSnapshot, SourceSet} from '../../src/lib/snapshot/create-snapshot.js';
import type {TreeSource} from '../../src/lib/snapshot/tree-source.js';
import {openStore} from './fixture.js';

/** A tree of these files; content that starts with `-> ` makes a link. */
export function make(root: string, files: Readonly<Record<string, string>>): string {
  for (const [name, content] of Object.entries(files)) {
    const file = `${root}/${name}`;
    fs.mkdirSync(file.slice(0, file.lastIndexOf('/')), {recursive: true});
    if (content.startsWith('-> ')) fs.symlinkSync(content.slice(3), file);
    else fs.writeFileSync(file, content);
  }
  return root;
}

export const directory = (path: string, at?: string): TreeSource => ({
  kind: 'directory',
  name: path.slice(path.lastIndexOf('/') + 1),
  path,
  ...(at === undefined ? {} : {at}),
});

export const merged = (parts: readonly TreeSource[], onConflict: SourceSet['onConflict'] = 'error'): SourceSet => ({parts, onConflict});

export async function readFile(folder: string, {manifest}: CreatedSnapshot, path: string): Promise<string> {
  const entry = manifest.entries.find((each) => each.path === path);
  if (entry?.kind !== 'file') throw new Error(`${path} is no file`);
  const pieces: Buffer[] = [];
  for await (const piece of await openStore(folder).open(entry.digest)) pieces.push(piece as Buffer);
  return Buffer.concat(pieces).toString();
}

import {lstat, readdir, readFile, readlink} from 'node:fs/promises';
import path from 'node:path';

/** Every path below a folder as kind, whole mode and bytes. */
export function describeRelease(folder: string): Promise<Record<string, string>> {
  return describe(folder, 0o7777);
}

/** The same of a source folder, as its release must be: read and execute bits only. */
export function describeSource(folder: string): Promise<Record<string, string>> {
  return describe(folder, 0o555);
}

async function describe(folder: string, mask: number): Promise<Record<string, string>> {
  const found: [string, string][] = [];
  for (const entry of await readdir(folder, {withFileTypes: true, recursive: true})) {
    const at = path.join(entry.parentPath, entry.name);
    const mode = ((await lstat(at)).mode & mask).toString(8);
    const name = path.relative(folder, at);
    if (entry.isSymbolicLink()) found.push([name, `link ${await readlink(at)}`]);
    else if (entry.isDirectory()) found.push([name, `folder ${mode}`]);
    else found.push([name, `file ${mode} ${(await readFile(at)).toString('hex')}`]);
  }
  return Object.fromEntries(found.sort(([a], [b]) => (a < b ? -1 : 1)));
}

import fs from 'node:fs';
import path from 'node:path';
import {past} from './fixture.js';

/** Makes `source` anew, its files long unchanged. */
export function write(folder: string, files: Readonly<Record<string, string>>): string {
  const source = `${folder}/source`;
  fs.rmSync(source, {recursive: true, force: true});
  for (const [name, content] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(`${source}/${name}`), {recursive: true});
    fs.writeFileSync(`${source}/${name}`, content);
    fs.utimesSync(`${source}/${name}`, past, past);
  }
  return source;
}

/** Every file below a folder. */
export function listFiles(folder: string): string[] {
  return fs
    .readdirSync(folder, {recursive: true, withFileTypes: true})
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
}

/** Flips one bit. */
export function flip(file: string, at: number): void {
  const bytes = fs.readFileSync(file);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  fs.chmodSync(file, 0o644);
  fs.writeFileSync(file, bytes);
}

/** Large enough for an object of its own. */
export const big = 'sheep '.repeat(1_500_000);

/** A flat source of small files. */
export function makeSource(folder: string, files: number): string {
  const source = `${folder}/source`;
  fs.mkdirSync(source);
  for (let index = 0; index < files; index += 1) fs.writeFileSync(`${source}/${index}`, `content of ${index}`);
  return source;
}

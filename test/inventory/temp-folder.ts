import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import {afterAll, beforeAll} from 'vitest';
import {DroverError, formatProblem} from '../../src/lib/errors/drover-error.js';

/** A folder for the tests of one file, and what goes into it. */
export interface TempFolder {
  /** Absolute path of a file in the folder. */
  at(name: string): string;
  /** Writes a file and gives its absolute path. */
  write(name: string, content: string | Buffer, mode?: number): Promise<string>;
  /** What a load was refused with, one line a problem, paths relative to the folder; what it gave when it was not. */
  linesOf(load: Promise<unknown>): Promise<string[]>;
}

/** Made before the tests of the file, removed after them. */
export function useTempFolder(): TempFolder {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'drover-inventory-'));
  });
  afterAll(() => rm(folder, {recursive: true, force: true}));
  return {
    at: (name) => path.join(folder, name),
    async write(name, content, mode = 0o644) {
      const file = path.join(folder, name);
      await writeFile(file, content, {mode});
      return file;
    },
    async linesOf(load) {
      try {
        return [`accepted: ${JSON.stringify(await load)}`];
      } catch (error) {
        if (!(error instanceof DroverError)) throw error;
        return error.problems.map((problem) => formatProblem(problem).replaceAll(`${folder}/`, ''));
      }
    },
  };
}

import {mkdir, readdir, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {DroverError} from '../errors/drover-error.js';
import type {CommandResult} from '../operations/run-command.js';

/** Where `--out-dir` puts each host's output: HOST.out, and HOST.failed with the reason where it did not end well. */
export class OutputFolder {
  readonly #writes: Promise<void>[] = [];

  private constructor(private readonly folder: string) {}

  /** Makes the folder; one that holds something is refused, so that no host's output is taken for that of another run. */
  static async open(folder: string): Promise<OutputFolder> {
    const refuse = (why: string, fix: string): never => {
      throw new DroverError({code: 'usage', message: `--out-dir ${folder} ${why}`, fix});
    };
    try {
      await mkdir(folder, {recursive: true});
      if ((await readdir(folder)).length > 0) return refuse('is not empty', 'name a new folder');
    } catch (error) {
      if (error instanceof DroverError) throw error;
      return refuse(
        `cannot be used (${error instanceof Error && 'code' in error ? error.code : error})`,
        'name a folder that can be written',
      );
    }
    return new OutputFolder(folder);
  }

  add({host, output, failure}: CommandResult): void {
    this.#write(`${host}.out`, output);
    if (failure !== undefined) this.#write(`${host}.failed`, `${failure}\n`);
  }

  /** All that was added is there. Throws `refused` where something could not be written. */
  async written(): Promise<void> {
    for (const write of await Promise.allSettled(this.#writes)) {
      if (write.status === 'rejected')
        throw new DroverError({
          code: 'refused',
          message: `--out-dir ${this.folder}: ${write.reason}`,
          fix: 'the commands ran; free space there',
        });
    }
  }

  #write(name: string, text: string): void {
    const write = writeFile(path.join(this.folder, name), text);
    // It is told by `written`.
    write.catch(() => undefined);
    this.#writes.push(write);
  }
}

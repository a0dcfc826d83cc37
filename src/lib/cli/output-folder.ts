import {mkdir, readdir, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {DroverError} from '../errors/drover-error.js';
import {describeError} from '../operations/on-host.js';
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

  /** Waits until all that was added is there; says what could not be written. */
  async written(): Promise<string | undefined> {
    const writes = await Promise.allSettled(this.#writes);
    const lost = writes.filter((write) => write.status === 'rejected');
    const [first] = lost;
    if (first === undefined) return undefined;
    return `--out-dir ${this.folder}: ${lost.length} of ${writes.length} files could not be written: ${describeError(first.reason)}`;
  }

  #write(name: string, text: string): void {
    const write = writeFile(path.join(this.folder, name), text);
    // It is told by `written`.
    write.catch(() => undefined);
    this.#writes.push(write);
  }
}

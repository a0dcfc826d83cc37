import {createReadStream, fstatSync} from 'node:fs';
import type {Readable} from 'node:stream';
import {DroverError} from '../errors/drover-error.js';
import {quoteWord} from '../errors/shell-word.js';

/** Every host gets a copy, all of them at once. */
const maxInputBytes = 16 * 1024 * 1024;

export interface Script {
  readonly content: Buffer;
  /** What runs it, as `$1` of the command; whether its file system may execute is no matter then. */
  readonly start: string;
}

/** A script to run on every host, by the interpreter of its first line, else by /bin/sh. */
export async function readScript(file: string): Promise<Script> {
  const content = await readBounded(createReadStream(file), `script ${file}`);
  const first = /^#![ \t]*([^\r\n]*)/.exec(content.toString('latin1', 0, 256))?.[1]?.trim() ?? '';
  if (first === '' && content.includes(0)) {
    throw new DroverError({code: 'usage', message: `script ${file} is not text and names no interpreter`, fix: 'begin it with #!'});
  }
  // As for the kernel, all that follows the interpreter is one argument: `env -S` takes it apart itself.
  const [, program = '/bin/sh', rest] = /^(\S+)(?:[ \t]+(.+))?$/.exec(first) ?? [];
  const words = rest === undefined ? [program] : [program, rest];
  return {content, start: ['exec', ...words.map(quoteWord), '"$1"'].join(' ')};
}

/** Linux takes no argument of more than 128 KiB. */
const longestCommand = 100_000;

/** A command that is too long for an argument travels as a script. */
export function fitCommand(command: string, script: Buffer | undefined): {readonly command: string; readonly script?: Buffer} {
  if (Buffer.byteLength(command) <= longestCommand) return {command, ...(script === undefined ? {} : {script})};
  if (script === undefined) return {command: 'exec /bin/sh "$1"', script: Buffer.from(command)};
  throw new DroverError({
    code: 'usage',
    message: 'the arguments of the script are too long',
    fix: 'send them on its standard input: --stdin',
  });
}

/** What every host's command is to read. */
export async function readInput(): Promise<Buffer> {
  if (fstatSync(0).isDirectory())
    throw new DroverError({code: 'usage', message: 'standard input is a folder', fix: 'send a file: --stdin <FILE'});
  if (process.stdin.isTTY) process.stderr.write('reading standard input for the hosts; end it with Ctrl-D\n');
  return readBounded(process.stdin, 'standard input');
}

async function readBounded(stream: Readable, what: string): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const piece of stream as AsyncIterable<Buffer>) {
      bytes += piece.length;
      if (bytes > maxInputBytes) break;
      pieces.push(piece);
    }
  } catch (error) {
    throw new DroverError({
      code: 'usage',
      message: `${what} cannot be read (${error instanceof Error && 'code' in error ? String(error.code) : String(error)})`,
      fix: 'correct the path',
    });
  }
  if (bytes <= maxInputBytes) return Buffer.concat(pieces);
  const limit = `${maxInputBytes / 1024 / 1024} MiB`;
  throw new DroverError({code: 'usage', message: `${what} is larger than ${limit}`, fix: 'send files with snapshot and push'});
}

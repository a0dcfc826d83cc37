import {DroverError} from '../errors/drover-error.js';
import {readSource} from '../inventory/source.js';
import {decodeText, readTextFile, showPath} from '../inventory/text-file.js';
import {type PlanFile, parsePlanFile} from '../operations/plan-file.js';

const fix = 'make one with: drover deploy --plan-out FILE';
const maxBytes = 8 * 1024 * 1024;

/** A plan file that was read: `path` is undefined where it came from standard input. */
export interface ReadPlan {
  readonly file: PlanFile;
  readonly name: string;
  readonly path: string | undefined;
}

/** Reads a plan from a file, or from standard input for `-`. Throws `not-found`, `invalid-file`, `integrity`, or `usage` where nobody gives one. */
export async function readPlanFile(words: string, stdin: NodeJS.ReadStream, signal: AbortSignal): Promise<ReadPlan> {
  const name = words === '-' ? 'the plan on standard input' : showPath(words);
  const text = words === '-' ? await readInput(stdin) : await readTextFile(words, {what: 'plan', createWith: fix, signal});
  return {file: parsePlanFile(readData(text, name), name), name, path: words === '-' ? undefined : words};
}

/** Keys that stand twice are refused, as everything that two readers could read in two ways. */
function readData(text: string, name: string): unknown {
  try {
    const source = readSource(text, {file: name, format: 'json', whenEmpty: {message: 'it is empty', fix}});
    const [first, ...more] = source.problems;
    if (first !== undefined) throw new DroverError(first, ...more);
    return source.data;
  } catch (error) {
    if (!(error instanceof DroverError)) throw error;
    const [{message, line, column}] = error.problems;
    const where = line === undefined ? '' : `line ${line}:${column ?? 1}: `;
    throw new DroverError({code: 'invalid-file', message: `${name} is not a plan: ${where}${message}`, fix});
  }
}

async function readInput(stdin: NodeJS.ReadStream): Promise<string> {
  const nobody = new DroverError({
    code: 'usage',
    message: '--plan - expects the plan on standard input',
    fix: 'for example: drover deploy --plan - <plan.json',
  });
  if (stdin.isTTY) throw nobody;
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of stdin) {
    bytes += (piece as Buffer).length;
    if (bytes > maxBytes)
      throw new DroverError({code: 'invalid-file', message: `the plan on standard input has more than ${maxBytes} bytes`, fix});
    pieces.push(piece as Buffer);
  }
  if (bytes === 0) throw nobody;
  return decodeText(Buffer.concat(pieces), 'the plan on standard input');
}

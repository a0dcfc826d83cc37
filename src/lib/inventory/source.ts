import {DroverError, type Problem} from '../errors/drover-error.js';
import {readJson} from './json-source.js';
import {checkNode, findKeyOffset, findNode, type SourceFault, type SourceNode, type SourcePath, toData} from './source-node.js';
import {readYaml} from './yaml-source.js';

const maxProblems = 20;

/** A file that was read: its data, and where each piece of it stands. */
export interface Source {
  readonly data: unknown;
  /** Faults of the text that did not keep it from being read (a key twice, an anchor). */
  readonly problems: readonly Problem[];
  /** Undefined where the file has nothing. */
  nodeAt(path: SourcePath): SourceNode | undefined;
  /** Keys of a map in the order of the file, each once. */
  keysAt(path: SourcePath): string[];
  /** `line:column` of a key. */
  locate(path: SourcePath): string;
  /** A problem at a key, or at its value. */
  problem(at: 'key' | 'value', path: SourcePath, message: string, fix?: string): Problem;
}

function indexLines(text: string): (offset: number) => {line: number; column: number} {
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return (offset) => {
    let [low, high] = [0, starts.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    const column = [...text.slice(starts[low] ?? 0, offset)].length + 1;
    return {line: low + 1, column};
  };
}

/** Throws the problems of one file, one a place, in the order of the file, at most 20. Returns when there are none. */
export function throwProblems(problems: readonly Problem[]): void {
  const places = new Map<string, Problem>();
  for (const problem of problems) {
    const place = problem.line === undefined ? problem.message : `${problem.line}:${problem.column}`;
    if (!places.has(place)) places.set(place, problem);
  }
  const ordered = [...places.values()].sort((one, other) => (one.line ?? 0) - (other.line ?? 0) || (one.column ?? 0) - (other.column ?? 0));
  const [first, ...more] = ordered.slice(0, maxProblems);
  if (!first) return;
  const hidden = ordered.length - maxProblems;
  const rest: Problem[] =
    hidden > 0 ? [{code: 'invalid-file', message: `and ${hidden} more`, ...(first.file === undefined ? {} : {file: first.file})}] : [];
  throw new DroverError(first, ...more, ...rest);
}

function makeSource(
  root: SourceNode,
  faults: readonly Problem[],
  makeProblem: (offset: number, message: string, fix?: string) => Problem,
): Source {
  const offsetOf = (at: 'key' | 'value', path: SourcePath): number =>
    (at === 'value' ? findNode(root, path)?.offset : undefined) ?? findKeyOffset(root, path);
  return {
    data: toData(root),
    problems: faults,
    nodeAt: (path) => findNode(root, path),
    keysAt(path) {
      const node = findNode(root, path);
      return node?.kind === 'map' ? [...new Set(node.entries.map(({key}) => key))] : [];
    },
    locate(path) {
      const {line, column} = makeProblem(findKeyOffset(root, path), '');
      return `${line}:${column}`;
    },
    problem: (at, path, message, fix) => makeProblem(offsetOf(at, path), message, fix),
  };
}

interface ReadText {
  /** None when the text is empty or cannot be read. */
  readonly root?: SourceNode;
  readonly faults: readonly SourceFault[];
}

export interface SourceForm {
  /** The name shown in problems. */
  readonly file: string;
  readonly format: 'yaml' | 'json';
  /** What should have been there. */
  readonly whenEmpty: {readonly message: string; readonly fix: string};
  /** Reads text that is neither YAML nor JSON. */
  readonly read?: (text: string) => ReadText;
  /** Gives what was read another shape, its places kept. */
  readonly reshape?: (root: SourceNode) => ReadText;
}

/** Reads YAML or JSON. Throws `invalid-file` with every fault when the text cannot be read or holds nothing. */
export function readSource(
  text: string,
  {file, format, whenEmpty, read = format === 'json' ? readJson : readYaml, reshape}: SourceForm,
): Source {
  const findPlace = indexLines(text);
  const makeProblem = (offset: number, message: string, fix?: string): Problem => ({
    code: 'invalid-file',
    message,
    file,
    ...findPlace(offset),
    ...(fix === undefined ? {} : {fix}),
  });
  const locate = (offset: number): string => {
    const {line, column} = findPlace(offset);
    return `${line}:${column}`;
  };
  const isBlank = text.trim() === '';
  const {root: written, faults} = isBlank ? {root: undefined, faults: []} : read(text);
  const {root, faults: unfit} = written !== undefined && reshape !== undefined ? reshape(written) : {root: written, faults: []};
  // Of what got another shape, what nobody reads may be as it likes.
  const allFaults = [...faults, ...(root ? checkNode(root, locate) : []), ...unfit];
  const problems = allFaults.map(({offset, message, fix}) => makeProblem(offset, message, fix));
  if (root && !(root.kind === 'scalar' && root.value === null)) return makeSource(root, problems, makeProblem);
  throwProblems(problems);
  throw new DroverError({code: 'invalid-file', ...whenEmpty});
}

import type {core} from 'zod';
import type {Problem} from '../errors/drover-error.js';
import {findClosest} from './closest-name.js';
import type {Source} from './source.js';
import type {SourceNode} from './source-node.js';

type Issue = core.$ZodIssue;

/** A message of our own in an issue: the fact on the first line, the next step on the second. */
export function writeIssue(fact: string, fix = ''): string {
  return `${fact}\n${fix}`;
}

const kinds: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map',
  record: 'a map',
  null: 'nothing',
};

/** The last key of a path: `apps.code.roll.keep` is `keep`. Items of lists are called by their list. */
function labelOf(path: readonly PropertyKey[]): string {
  return String(path.findLast((step) => typeof step === 'string') ?? 'the file');
}

function describeValue(node: SourceNode | undefined): string {
  if (node?.kind !== 'scalar') return node?.kind === 'list' ? 'a list' : 'a map';
  if (node.value === null) return 'nothing';
  return typeof node.value === 'string' ? JSON.stringify(node.value) : node.raw;
}

/** `a`, `a or b`, `a, b or c` */
function joinChoices(choices: readonly string[]): string {
  return choices.length < 2 ? choices.join('') : `${choices.slice(0, -1).join(', ')} or ${choices.at(-1)}`;
}

/** How little an alternative of a union resembles what was written; the least decides which one is explained. */
function measureDistance(source: Source, base: readonly PropertyKey[], issues: readonly Issue[]): number {
  let distance = 0;
  for (const issue of issues) {
    const path = [...base, ...issue.path];
    if (issue.code === 'unrecognized_keys') distance += 2 * issue.keys.length;
    else if (issue.path.length === 0 && (issue.code === 'invalid_type' || issue.code === 'invalid_value')) distance += 100;
    else distance += source.nodeAt(path) === undefined ? 3 : 1;
  }
  return distance;
}

function wantedKinds(issue: Issue): string[] {
  if (issue.code === 'invalid_type') return [kinds[issue.expected] ?? issue.expected];
  if (issue.code === 'invalid_value') return issue.values.map((value) => JSON.stringify(value));
  return [];
}

interface UnknownKeys {
  readonly keys: readonly string[];
  /** Every key that is known there, one a line: see `mapField`. */
  readonly message: string;
}

function findMeantKey(key: string, {message}: UnknownKeys): string | undefined {
  return findClosest(key, message.split('\n'));
}

function explainUnknownKeys(source: Source, path: readonly PropertyKey[], issue: UnknownKeys): Problem[] {
  return issue.keys.map((key) => {
    const meant = findMeantKey(key, issue);
    const fix = meant === undefined ? `known here: ${issue.message.split('\n').join(', ')}` : `did you mean ${JSON.stringify(meant)}?`;
    return source.problem('key', [...path, key], `unknown key ${JSON.stringify(key)}`, fix);
  });
}

function explainMismatch(source: Source, path: readonly PropertyKey[], wanted: readonly string[]): Problem {
  const node = source.nodeAt(path);
  const value = describeValue(node);
  const isUnquoted = node?.kind === 'scalar' && (typeof node.value === 'number' || typeof node.value === 'boolean');
  const closest = findClosest(value, wanted);
  const fix =
    isUnquoted && wanted.includes('text') ? `quote it: "${value}"` : closest === undefined ? undefined : `did you mean ${closest}?`;
  return source.problem('value', path, `${labelOf(path)} must be ${joinChoices([...new Set(wanted)])}, got ${value}`, fix);
}

function explainUnion(source: Source, path: readonly PropertyKey[], alternatives: readonly (readonly Issue[])[]): Problem[] {
  const ranked = alternatives
    .map((issues) => ({issues, distance: measureDistance(source, path, issues)}))
    .sort((one, other) => one.distance - other.distance);
  const [closest] = ranked;
  if (closest && closest.distance < 100) return explainIssues(source, closest.issues, path);
  return [
    explainMismatch(
      source,
      path,
      alternatives.flatMap((issues) => issues.filter(({path: at}) => at.length === 0).flatMap(wantedKinds)),
    ),
  ];
}

function explainMissing(source: Source, path: readonly PropertyKey[]): Problem {
  const parent = path.slice(0, -1);
  const where = parent.length === 0 ? '' : ` in ${JSON.stringify(labelOf(parent))}`;
  return source.problem('key', parent, `missing key ${JSON.stringify(labelOf(path))}${where}`, `add ${JSON.stringify(labelOf(path))}`);
}

function explainIssue(source: Source, issue: Issue, path: readonly PropertyKey[]): Problem[] {
  const nested = issue.code === 'invalid_key' ? issue.issues[0] : undefined;
  const {message} = nested ?? issue;
  if (issue.code === 'unrecognized_keys') return explainUnknownKeys(source, path, issue);
  if (message.includes('\n')) {
    const [fact = '', fix = ''] = message.split('\n');
    return [source.problem(nested ? 'key' : 'value', path, fact, fix === '' ? undefined : fix)];
  }
  if (source.nodeAt(path) === undefined) return [explainMissing(source, path)];
  if (issue.code === 'invalid_union') return explainUnion(source, path, issue.errors);
  if (issue.code === 'invalid_type' || issue.code === 'invalid_value') return [explainMismatch(source, path, wantedKinds(issue))];
  if (issue.code === 'too_small') return [source.problem('value', path, `${labelOf(path)} is empty`, 'give it a value')];
  return [source.problem('value', path, `${labelOf(path)} is not valid: ${message.charAt(0).toLowerCase()}${message.slice(1)}`)];
}

/**
 * The problems behind the issues of a schema, each at its place in the file. A key that is missing because it is misspelt is one problem.
 * `base` is where in the file the schema began.
 */
export function explainIssues(source: Source, issues: readonly Issue[], base: readonly PropertyKey[] = []): Problem[] {
  const misspelt = new Set<string>();
  for (const issue of issues) {
    if (issue.code !== 'unrecognized_keys') continue;
    for (const key of issue.keys) misspelt.add(JSON.stringify([...issue.path, findMeantKey(key, issue)]));
  }
  return issues
    .filter(({path}) => !misspelt.has(JSON.stringify(path)) || source.nodeAt([...base, ...path]) !== undefined)
    .flatMap((issue) => explainIssue(source, issue, [...base, ...issue.path]));
}

/** A piece of YAML or JSON with the place it was written at. Offsets count UTF-16 units from the start of the text. */
export type SourceNode =
  | {readonly kind: 'map'; readonly offset: number; readonly entries: readonly SourceEntry[]}
  | {readonly kind: 'list'; readonly offset: number; readonly items: readonly SourceNode[]}
  | {readonly kind: 'scalar'; readonly offset: number; readonly value: string | number | boolean | null; readonly raw: string};

export interface SourceEntry {
  readonly key: string;
  readonly keyOffset: number;
  readonly value: SourceNode;
}

/** Something wrong with the text itself. */
export interface SourceFault {
  readonly offset: number;
  readonly message: string;
  readonly fix?: string;
}

/** Keys of objects and indexes of lists, from the root. */
export type SourcePath = readonly PropertyKey[];

/** Nesting that no honest file needs. */
export const maxDepth = 50;

/** Names that would reach the prototype of a plain object. */
const forbiddenKeys: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

/** The node at a path; undefined where the file has nothing. Of a key that stands twice, the last. */
export function findNode(root: SourceNode, path: SourcePath): SourceNode | undefined {
  let node: SourceNode | undefined = root;
  for (const step of path) {
    if (node?.kind === 'map') node = node.entries.findLast(({key}) => key === step)?.value;
    else if (node?.kind === 'list') node = node.items[Number(step)];
    else return undefined;
  }
  return node;
}

/** Where the key at the end of a path is written; the value for items of lists; the nearest parent where there is nothing. */
export function findKeyOffset(root: SourceNode, path: SourcePath): number {
  const last = path.at(-1);
  if (last === undefined) return root.offset;
  const parent = findNode(root, path.slice(0, -1));
  const entry = parent?.kind === 'map' ? parent.entries.findLast(({key}) => key === last) : undefined;
  return entry?.keyOffset ?? findNode(root, path)?.offset ?? findKeyOffset(root, path.slice(0, -1));
}

/** Plain data, as a schema takes it. Forbidden keys are left out; of a key that stands twice, the last counts. */
export function toData(node: SourceNode): unknown {
  if (node.kind === 'scalar') return node.value;
  if (node.kind === 'list') return node.items.map(toData);
  const entries = node.entries.filter(({key}) => !forbiddenKeys.has(key));
  return Object.fromEntries(entries.map(({key, value}) => [key, toData(value)]));
}

function* checkScalar(node: Extract<SourceNode, {kind: 'scalar'}>): Generator<SourceFault> {
  const {offset, value, raw} = node;
  if (typeof value === 'string' && value.includes('\0')) yield {offset, message: 'NUL is not allowed in text', fix: 'remove it'};
  if (typeof value !== 'number' || String(value) === raw) return;
  const fix = Number.isSafeInteger(value) ? `write ${value}, or quote it: "${raw}"` : `quote it: "${raw}"`;
  yield {offset, message: `${raw} can be read as more than one number`, fix};
}

/**
 * What may not be in any file: a key twice (the second would silently win), keys that reach a prototype, merge keys, NUL, and numbers
 * whose text is not how they count (`010`, `1e3`). `locate` names the place of the first of two keys.
 */
export function* checkNode(node: SourceNode, locate: (offset: number) => string): Generator<SourceFault> {
  if (node.kind === 'scalar') yield* checkScalar(node);
  if (node.kind === 'list') for (const item of node.items) yield* checkNode(item, locate);
  if (node.kind !== 'map') return;
  const seen = new Map<string, number>();
  for (const {key, keyOffset: offset, value} of node.entries) {
    const first = seen.get(key);
    const shown = JSON.stringify(key);
    if (first !== undefined) yield {offset, message: `duplicate key ${shown}, first at ${locate(first)}`, fix: 'rename one'};
    else seen.set(key, offset);
    if (forbiddenKeys.has(key)) yield {offset, message: `key ${shown} is not allowed`, fix: 'rename it'};
    if (key === '<<') yield {offset, message: 'merge key "<<" is not allowed', fix: 'write the keys out'};
    if (key === '') yield {offset, message: 'a key is empty', fix: 'name it'};
    yield* checkNode(value, locate);
  }
}

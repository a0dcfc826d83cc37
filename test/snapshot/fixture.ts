import {execFileSync} from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import {DroverError} from '../../src/lib/errors/drover-error.js';
import {type CreatedSnapshot, type CreateSnapshotOptions, createSnapshot} from '../../src/lib/snapshot/create-snapshot.js';
import {openDirectoryStore} from '../../src/lib/snapshot/directory-store.js';

/** A directory of its own, removed at the end of `work`. */
export async function withFolder<Result>(work: (folder: string) => Promise<Result> | Result): Promise<Result> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'snapshot-'));
  try {
    return await work(folder);
  } finally {
    makeWritable(folder);
    fs.rmSync(folder, {recursive: true, force: true});
  }
}

function makeWritable(folder: string): void {
  fs.chmodSync(folder, 0o755);
  for (const entry of fs.readdirSync(folder, {withFileTypes: true})) if (entry.isDirectory()) makeWritable(path.join(folder, entry.name));
}

/** Long past, so that no file counts as just written. */
export const past = new Date('2020-01-01T00:00:00Z');

export function openStore(folder: string) {
  return openDirectoryStore({path: path.join(folder, 'store'), now: Date.now});
}

export const never: AbortSignal = new AbortController().signal;

export function snap(folder: string, source: string, more: Partial<CreateSnapshotOptions> = {}): Promise<CreatedSnapshot> {
  return createSnapshot({
    source,
    app: 'content',
    ignore: [],
    labels: {},
    store: openStore(folder),
    now: Date.now,
    signal: never,
    allowEmpty: true,
    sizeChanged: true,
    ...more,
  });
}

/** What a call throws on purpose. */
export async function catchProblems(work: () => unknown): Promise<DroverError> {
  try {
    await work();
  } catch (error) {
    if (error instanceof DroverError) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

export type Node =
  | {readonly kind: 'file'; readonly mode: number; readonly content: Uint8Array}
  | {readonly kind: 'link'; readonly target: string}
  | {readonly kind: 'directory'; readonly mode: number; readonly nodes: Readonly<Record<string, Node>>};

const odd = [
  '-rf',
  '--',
  ' a',
  'a ',
  'a b',
  "it's",
  '"q"',
  'back\\slash',
  '\\n',
  '*',
  '?',
  '[x]',
  '$(x)',
  '`x`',
  'ü',
  '日本',
  '🐑',
  '\ue000',
  '...',
  '.env',
  '~',
  '#',
  '%s',
  'gone',
  'new',
  'tree',
  'x'.repeat(120),
  'ß'.repeat(127),
];
const name = fc
  .oneof(
    {weight: 3, arbitrary: fc.constantFrom(...odd, 'a', 'b', 'c')},
    {weight: 1, arbitrary: fc.string({unit: 'grapheme', minLength: 1, maxLength: 12})},
  )
  .filter((text) => text !== '.' && text !== '..' && !/[/\p{Cc}\p{Cs}]/u.test(text) && Buffer.byteLength(text) <= 255);
const file: fc.Arbitrary<Node> = fc.record({
  kind: fc.constant('file' as const),
  mode: fc.constantFrom(0o644, 0o664, 0o600, 0o755, 0o775, 0o444, 0o500, 0o400),
  content: fc.oneof(
    fc.constantFrom(new Uint8Array(), new Uint8Array([10])),
    fc.uint8Array({maxLength: 40}),
    fc.constantFrom(new Uint8Array(512), new Uint8Array(5000).fill(7)),
  ),
});
const link: fc.Arbitrary<Node> = fc.record({
  kind: fc.constant('link' as const),
  target: fc
    .oneof(name, fc.constantFrom('a', 'b/c', './a', 'missing', `${'long/'.repeat(30)}end`))
    .filter((target) => !target.includes('..') || target.length > 3),
});
const tie = fc.letrec<{node: Node; folder: Node}>((again) => ({
  node: fc.oneof({maxDepth: 4, withCrossShrink: true}, file, link, again('folder')),
  folder: fc.record({
    kind: fc.constant('directory' as const),
    mode: fc.constantFrom(0o755, 0o775, 0o700, 0o555, 0o500),
    nodes: fc.dictionary(name, again('node'), {maxKeys: 6}),
  }),
}));

export type Nodes = Readonly<Record<string, Node>>;
/** The content of a directory: odd names, modes, links, empty files and folders. */
export const tree: fc.Arbitrary<Nodes> = fc.dictionary(name, tie.node, {maxKeys: 8});

/** Two trees that share much. */
export const twoTrees: fc.Arbitrary<readonly [Nodes, Nodes]> = fc
  .tuple(tree, tree, fc.infiniteStream(fc.integer({min: 0, max: 3})))
  .map(([a, b, choices]) => [a, mix(a, b, choices)] as const);

function mix(a: Nodes, b: Nodes, choices: Iterator<number>): Nodes {
  const mixed = new Map<string, Node>();
  // A file may be called `constructor`, or worse.
  const of = (nodes: Nodes, key: string): Node | undefined => (Object.hasOwn(nodes, key) ? nodes[key] : undefined);
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const [left, right] = [of(a, key), of(b, key)];
    const choice = choices.next().value ?? 0;
    const node = choice === 0 ? right : left?.kind === 'directory' && choice === 1 ? {...left, nodes: mix(left.nodes, b, choices)} : left;
    if (node !== undefined) mixed.set(key, node);
  }
  return Object.fromEntries(mixed);
}

/** Makes the tree; `folder` must not exist. */
export function build(folder: string, nodes: Nodes, mode = 0o755): void {
  fs.mkdirSync(folder);
  for (const [key, node] of Object.entries(nodes)) {
    const at = path.join(folder, key);
    if (node.kind === 'directory') build(at, node.nodes, node.mode);
    else if (node.kind === 'link') fs.symlinkSync(node.target, at);
    else {
      fs.writeFileSync(at, node.content);
      fs.chmodSync(at, node.mode);
      fs.utimesSync(at, past, past);
    }
  }
  fs.chmodSync(folder, mode);
}

/** What a tree looks like: path -> kind, kept mode bits, content. */
export function describeTree(folder: string, prefix = ''): Record<string, string> {
  const seen: Record<string, string> = {};
  for (const key of fs.readdirSync(folder)) {
    const at = path.join(folder, key);
    const stat = fs.lstatSync(at);
    const mode = (stat.mode & 0o555).toString(8);
    if (stat.isSymbolicLink()) seen[prefix + key] = `link ${fs.readlinkSync(at)}`;
    else if (stat.isDirectory()) Object.assign(seen, {[prefix + key]: `directory ${mode}`}, describeTree(at, `${prefix}${key}/`));
    else seen[prefix + key] = `file ${mode} ${fs.readFileSync(at).toString('hex')}`;
  }
  return seen;
}

/** What a host does with a delta (docs/design.md, "A delta"), in sh; prints the digest of the manifest it made. */
export function applyDelta(delta: string, target: string, base?: {readonly tree: string; readonly manifest: string}): string {
  const script = `
    set -eu
    LC_ALL=C; export LC_ALL; umask 077
    mkdir "$target" "$target/tree"
    tar -x -p -o -z -f "$delta" -C "$target" gone new
    if [ -n "$base" ]; then
      cp -a -l "$base/." "$target/tree/"
      find "$target/tree" -type d -exec chmod 755 {} +
      awk -F'\\t' '$2 != "d" {print $1}' "$target/gone" | tr '\\n' '\\0' | (cd "$target/tree" && xargs -0 -r -I{} rm -f ./{})
      awk -F'\\t' '$2 == "d" {print $1}' "$target/gone" | sort -r | tr '\\n' '\\0' | (cd "$target/tree" && xargs -0 -r -I{} rmdir --ignore-fail-on-non-empty ./{})
      sort "$manifest" "$target/gone" "$target/gone" | uniq -u | sort - "$target/new" >"$target/manifest"
    else
      sort "$target/new" >"$target/manifest"
    fi
    tar -x -p -o -z -f "$delta" -C "$target"
    awk -F'\\t' '$2 == "d" {print $3 " ./" $1}' "$target/manifest" | sort -r -k2 | while IFS= read -r line; do chmod "\${line%% *}" "$target/tree/\${line#* }"; done
    sha256sum <"$target/manifest"`;
  const env = {PATH: process.env.PATH, delta, target, base: base?.tree ?? '', manifest: base?.manifest ?? ''};
  return execFileSync('/bin/sh', ['-c', script], {env, encoding: 'utf8'}).slice(0, 64);
}

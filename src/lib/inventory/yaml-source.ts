import {Composer, type Document, isMap, isScalar, isSeq, Parser} from 'yaml';
import {maxDepth, type SourceEntry, type SourceFault, type SourceNode} from './source-node.js';

/** Tokens of YAML that drover has no use for, and what to do instead. */
const forbiddenTokens: Readonly<Record<string, {readonly what: string; readonly fix: string}>> = {
  tag: {what: 'tag', fix: 'remove it'},
  anchor: {what: 'anchor', fix: 'write the value where it is used'},
  alias: {what: 'alias', fix: 'write the value out'},
  directive: {what: 'directive', fix: 'remove it'},
};

const wordings: Readonly<Record<string, Pick<SourceFault, 'message' | 'fix'>>> = {
  TAB_AS_INDENT: {message: 'tab used for indentation', fix: 'use spaces'},
  BAD_SCALAR_START: {message: 'plain text cannot begin with this character', fix: 'put it in quotes'},
  BLOCK_AS_IMPLICIT_KEY: {message: 'a second key on one line', fix: 'begin a new line, or put the value in quotes'},
};

interface Token {
  readonly type?: string;
  readonly offset?: number;
  readonly source?: string;
  readonly [part: string]: unknown;
}

interface TokenFault extends SourceFault {
  /** The rest of the tree was not looked at, and must not be composed. */
  readonly isFatal?: true;
}

/**
 * Adds everything forbidden in the token tree to `found`, and ends at the first that is fatal. Runs before the tree is composed: the composer
 * does not survive deep nesting.
 */
function findForbidden(part: unknown, place: number, depth: number, found: TokenFault[]): void {
  if (typeof part !== 'object' || part === null || found.at(-1)?.isFatal) return;
  if (Array.isArray(part)) {
    for (const item of part) findForbidden(item, place, depth, found);
    return;
  }
  const token = part as Token;
  const offset = token.offset ?? place;
  // A level of the file is a collection, and an item of it.
  if (depth > 2 * maxDepth + 3) {
    found.push({offset, message: `nested more than ${maxDepth} levels deep`, fix: 'flatten it', isFatal: true});
    return;
  }
  const forbidden = forbiddenTokens[token.type ?? ''];
  if (forbidden) found.push({offset, message: `${forbidden.what} ${token.source ?? ''} is not allowed`, fix: forbidden.fix});
  for (const part of tokenParts) if (token[part] !== undefined) findForbidden(token[part], offset, depth + 1, found);
}

/** All parts of a token that hold tokens. */
const tokenParts = ['props', 'start', 'key', 'sep', 'value', 'items', 'end'];

function toSourceNode(node: unknown, offset: number, faults: SourceFault[]): SourceNode {
  const nothing: SourceNode = {kind: 'scalar', offset, value: null, raw: ''};
  if (isScalar(node)) {
    const start = node.range?.[0] ?? offset;
    const {value} = node;
    const isPlain = value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
    return {kind: 'scalar', offset: start, value: isPlain ? value : String(value), raw: node.source ?? ''};
  }
  if (isSeq(node)) {
    const start = node.range?.[0] ?? offset;
    return {kind: 'list', offset: start, items: node.items.map((item) => toSourceNode(item, start, faults))};
  }
  if (!isMap(node)) return nothing;
  const start = node.range?.[0] ?? offset;
  const entries: SourceEntry[] = [];
  for (const {key, value} of node.items) {
    const keyNode = toSourceNode(key, start, faults);
    if (keyNode.kind !== 'scalar') {
      faults.push({offset: keyNode.offset, message: 'a key must be text', fix: 'put quotes around it'});
      continue;
    }
    // The text as it is written: the key 010 is not the key 10.
    const text = typeof keyNode.value === 'string' ? keyNode.value : keyNode.raw;
    entries.push({key: text, keyOffset: keyNode.offset, value: toSourceNode(value, keyNode.offset, faults)});
  }
  return {kind: 'map', offset: start, entries};
}

function describeErrors(document: Document.Parsed): SourceFault[] {
  return document.errors.map((error) => {
    const [firstLine = ''] = error.message.split('\n');
    return {offset: error.pos[0], message: `not YAML: ${firstLine.charAt(0).toLowerCase()}${firstLine.slice(1)}`, ...wordings[error.code]};
  });
}

/**
 * Reads one document of YAML 1.2: `no` and `on` are text. Tags, anchors, aliases, directives, further documents and tabs as
 * indentation are faults. No root when the text is empty or cannot be read.
 */
export function readYaml(text: string): {readonly root?: SourceNode; readonly faults: readonly SourceFault[]} {
  const tokens = [...new Parser().parse(text)];
  const forbidden: TokenFault[] = [];
  findForbidden(tokens, 0, 0, forbidden);
  const fatal = forbidden.find(({isFatal}) => isFatal);
  if (fatal) return {faults: [fatal]};
  const composer = new Composer({version: '1.2', schema: 'core', merge: false, uniqueKeys: false, prettyErrors: false, logLevel: 'silent'});
  const [document, another] = [...composer.compose(tokens)];
  if (!document) return {faults: forbidden};
  const faults: SourceFault[] = [...forbidden, ...describeErrors(document)];
  if (another) faults.push({offset: another.range[0], message: 'a second document begins here', fix: 'keep one document in a file'});
  if (document.errors.length > 0 || document.contents === null) return {faults};
  return {root: toSourceNode(document.contents, 0, faults), faults};
}

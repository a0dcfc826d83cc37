import fs from 'node:fs';
import {readErrorCode} from './error-code.js';
import {SourceWarnings} from './source-problems.js';
import {placeOf, type WalkedFile, type WalkedTree} from './walked-tree.js';

/** A file that every host, and everybody who can read a release, should probably not get. */
export interface Secret {
  readonly path: string;
  /** The end of a sentence that starts with the path. */
  readonly what: string;
}

export interface ReadTree {
  /** Files of the tree whose bytes were read, because they are new or have changed; in order. */
  readonly fresh: readonly WalkedFile[];
  /** What was found in the others when they were read. */
  readonly known: readonly Secret[];
}

const names: readonly (readonly [name: RegExp, what: string])[] = [
  [/^\.env(?:\.(?!example$|sample$|template$|dist$).+)?$/, 'looks like a file of secrets'],
  [/^id_(?:rsa|dsa|ecdsa|ed25519)(?:_sk)?$/, 'is named like a private key'],
  [/^(?:\.netrc|_netrc|\.pgpass|\.my\.cnf|\.git-credentials|\.htpasswd|\.dockercfg|\.vault-token)$/, 'is a file of passwords'],
  [/\.(?:p12|pfx|jks|keystore|kdbx)$/i, 'is a store of keys'],
  [/\.tfstate(?:\.backup)?$/, 'is Terraform state, which holds secrets'],
];
const folders: readonly (readonly [path: RegExp, what: string])[] = [
  [/(?:^|\/)\.aws\/credentials$/, 'is a file of passwords'],
  [/(?:^|\/)\.docker\/config\.json$/, 'is a file of passwords'],
  [/(?:^|\/)\.kube\/config$/, 'is a file of passwords'],
];

/** Every repetition is bounded: the time is linear in what is read. */
const contents: readonly (readonly [text: RegExp, what: string])[] = [
  [/-----BEGIN (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----|PuTTY-User-Key-File-\d|AGE-SECRET-KEY-1/, 'holds a private key'],
  [/\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|aws_secret_access_key["' ]{0,3}[=:]["' ]{0,3}[A-Za-z0-9/+]{40}/i, 'holds an AWS key'],
  [/\bgh[pousr]_[A-Za-z0-9]{36}|\bgithub_pat_[A-Za-z0-9_]{22}|\bglpat-[A-Za-z0-9_-]{20}/, 'holds a GitHub or GitLab token'],
  [/\bnpm_[A-Za-z0-9]{36}\b|:_authToken *= *(?!["']?\$)[^\s]{8}|:_password *= *(?!["']?\$)[^\s]{4}/, 'holds an npm token'],
  [/\bxox[abeoprs]-[A-Za-z0-9-]{10}|\b[rs]k_live_[A-Za-z0-9]{16}|\bAIza[0-9A-Za-z_-]{35}|\bSG\.[\w-]{22}\.[\w-]{43}/, 'holds a token'],
];

/** What may hold text with a token in it: settings and programs, not pages, styles and pictures. */
const likely =
  /(?:^|\/)(?:\.[^/.]+|[^/.]+)$|\.(?:env|json|ya?ml|toml|ini|cfg|conf|config|properties|xml|sh|bash|py|rb|php|pl|go|java|kt|cs|[cm]?[jt]s|tf|tfvars|txt|pem|key|asc|gpg|npmrc|pypirc|sql|log|bak|old|orig)$/i;
/** The code of others: far too much of it, and public. */
const foreign = /(?:^|\/)(?:node_modules|vendor|bower_components)\//;
const headBytes = 64 * 1024;
const recordedSecrets = 1000;

/**
 * Finds what looks like a secret, by the names of all files and by the first 64 KiB of those that were read now; what was found in the others
 * before still counts. At most 20 are told, at most 1000 recorded.
 */
export function findSecrets(
  tree: WalkedTree,
  {fresh, known}: ReadTree,
): {readonly warnings: readonly string[]; readonly secrets: readonly Secret[]} {
  const found = new Map<string, string>();
  let next = 0;
  const knownAt = new Map(known.map(({path, what}) => [path, what]));
  const head = Buffer.alloc(headBytes);
  for (const entry of tree.entries) {
    if (entry.kind !== 'file') continue;
    const {path} = entry;
    const isFresh = fresh[next] === entry;
    if (isFresh) next += 1;
    const what = explainName(path) ?? (isFresh ? explainContent(tree, entry, head) : knownAt.get(path));
    if (what !== undefined) found.set(path, what);
  }
  const warnings = new SourceWarnings();
  for (const [path, what] of found) warnings.add(`"${path}" ${what}; ignore it unless every host shall have it`);
  return {warnings: warnings.list(), secrets: [...found].slice(0, recordedSecrets).map(([path, what]) => ({path, what}))};
}

function explainName(path: string): string | undefined {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const [, what] = names.find(([pattern]) => pattern.test(name)) ?? folders.find(([pattern]) => pattern.test(path)) ?? [];
  return what;
}

function explainContent(tree: WalkedTree, file: WalkedFile, head: Buffer): string | undefined {
  if (file.size === 0 || !likely.test(file.path) || foreign.test(file.path)) return undefined;
  const text = readHead(placeOf(tree, file), head);
  return contents.find(([pattern]) => pattern.test(text))?.[1];
}

function readHead(path: string, head: Buffer): string {
  try {
    const descriptor = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK);
    try {
      return head.toString('latin1', 0, fs.readSync(descriptor, head, 0, headBytes, 0));
    } finally {
      fs.closeSync(descriptor);
    }
  } catch (error) {
    // Whoever looks whether the tree has moved will say so.
    if (readErrorCode(error) !== undefined) return '';
    throw error;
  }
}

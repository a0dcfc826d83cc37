import {SourceWarnings} from './source-problems.js';
import type {WalkedFile, WalkedTree} from './walked-tree.js';

/** A file that every host, and everybody who can read a release, should probably not get. */
export interface Secret {
  readonly path: string;
  /** The end of a sentence that starts with the path. */
  readonly what: string;
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
/** Without this no path is one of those: nearly all paths are asked one question only. */
const oddPath = /(?:^|\/)(?:[._]|id_)|\.(?:p12|pfx|jks|keystore|kdbx|tfstate)/i;

/** Every repetition is bounded: the time is linear in what is read. */
const contents: readonly (readonly [text: RegExp, what: string])[] = [
  [/-----BEGIN (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----|PuTTY-User-Key-File-\d|AGE-SECRET-KEY-1/, 'holds a private key'],
  [/\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|aws_secret_access_key["' ]{0,3}[=:]["' ]{0,3}[A-Za-z0-9/+]{40}/i, 'holds an AWS key'],
  [/\bgh[pousr]_[A-Za-z0-9]{36}|\bgithub_pat_[A-Za-z0-9_]{22}|\bglpat-[A-Za-z0-9_-]{20}/, 'holds a GitHub or GitLab token'],
  [/\bnpm_[A-Za-z0-9]{36}\b|:_authToken *= *(?!["']?\$)[^\s]{8}|:_password *= *(?!["']?\$)[^\s]{4}/, 'holds an npm token'],
  [/\bxox[abeoprs]-[A-Za-z0-9-]{10}|\b[rs]k_live_[A-Za-z0-9]{16}|\bAIza[0-9A-Za-z_-]{35}|\bSG\.[\w-]{22}\.[\w-]{43}/, 'holds a token'],
];
/** Without this none of those is in a text. */
const oddText =
  /PRIVATE KEY|PuTTY-User|AGE-SECRET|AKIA|ASIA|aws_secret|gh[pousr]_|github_pat|glpat-|npm_|:_authToken|:_password|xox|k_live_|AIza|SG\./i;

/** What may hold text with a token in it: settings and programs, not pages, styles and pictures. */
const likely =
  /(?:^|\/)(?:\.[^/.]+|[^/.]+)$|\.(?:env|json|ya?ml|toml|ini|cfg|conf|config|properties|xml|sh|bash|py|rb|php|pl|go|java|kt|cs|[cm]?[jt]s|tf|tfvars|txt|pem|key|asc|gpg|npmrc|pypirc|sql|log|bak|old|orig)$/i;
/** The code of others: far too much of it, and public. */
const foreign = /(?:^|\/)(?:node_modules|vendor|bower_components)\//;
/** How much of a file is looked at. */
export const headBytes = 64 * 1024;
const recordedSecrets = 1000;

/**
 * Finds what looks like a secret: by the beginnings of files while they are read, then by the names of all. What was found before in files that
 * are not read again still counts. At most 20 are told, at most 1000 recorded.
 */
export class SecretSearch {
  readonly #tree: WalkedTree;
  readonly #fresh: WalkedFile[] = [];
  readonly #found = new Map<string, string>();

  constructor(tree: WalkedTree) {
    this.#tree = tree;
  }

  /** Takes a file that was read, and its bytes, or the first `headBytes` of them; in the order of the tree. */
  look(file: WalkedFile, bytes: Buffer): void {
    this.#fresh.push(file);
    const what = explainContent(file, bytes);
    if (what !== undefined) this.#found.set(file.path, what);
  }

  /** `known` is what was found in the others when they were read. */
  finish(known: readonly Secret[]): {readonly warnings: readonly string[]; readonly secrets: readonly Secret[]} {
    const secrets: Secret[] = [];
    const warnings = new SourceWarnings();
    const knownAt = new Map(known.map(({path, what}) => [path, what]));
    let next = 0;
    for (const entry of this.#tree.entries) {
      if (entry.kind !== 'file') continue;
      const {path} = entry;
      const isFresh = this.#fresh[next] === entry;
      if (isFresh) next += 1;
      const what = explainName(path) ?? (isFresh ? this.#found : knownAt).get(path);
      if (what === undefined) continue;
      warnings.add(`"${path}" ${what}; ignore it unless every host shall have it`);
      if (secrets.length < recordedSecrets) secrets.push({path, what});
    }
    return {warnings: warnings.list(), secrets};
  }
}

function explainName(path: string): string | undefined {
  if (!oddPath.test(path)) return undefined;
  const name = path.slice(path.lastIndexOf('/') + 1);
  const [, what] = names.find(([pattern]) => pattern.test(name)) ?? folders.find(([pattern]) => pattern.test(path)) ?? [];
  return what;
}

function explainContent({path, size}: WalkedFile, bytes: Buffer): string | undefined {
  if (size === 0 || !likely.test(path) || foreign.test(path)) return undefined;
  const text = bytes.toString('latin1', 0, headBytes);
  return oddText.test(text) ? contents.find(([pattern]) => pattern.test(text))?.[1] : undefined;
}

import fs from 'node:fs';
import {readErrorCode} from './error-code.js';
import type {SourceWarnings} from './source-problems.js';
import type {WalkedEntry} from './walked-tree.js';

const environmentFile = /^\.env(?:\.(?!example$|sample$|template$|dist$).+)?$/;
const keyFile = /^(?:id_(?:rsa|dsa|ecdsa|ed25519)|.*\.(?:pem|key))$/;
const keyHead = /-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----/;
const headBytes = 64 * 1024;

function readHead(path: string): string {
  const descriptor = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  try {
    const head = Buffer.alloc(headBytes);
    return head.toString('latin1', 0, fs.readSync(descriptor, head, 0, headBytes, 0));
  } finally {
    fs.closeSync(descriptor);
  }
}

/** Warns of files that every host, and everybody who can read a release, should probably not get. */
export function findSecrets(root: string, entries: readonly WalkedEntry[], warnings: SourceWarnings): void {
  for (const {kind, path} of entries) {
    if (kind !== 'file') continue;
    const name = path.slice(path.lastIndexOf('/') + 1);
    if (environmentFile.test(name)) {
      warnings.add(`"${path}" looks like a file of secrets; ignore it unless every host shall have it`);
    } else if (keyFile.test(name) && holdsPrivateKey(`${root}/${path}`)) {
      warnings.add(`"${path}" holds a private key; ignore it unless every host shall have it`);
    }
  }
}

function holdsPrivateKey(path: string): boolean {
  try {
    return keyHead.test(readHead(path));
  } catch (error) {
    // Whoever reads the file for the snapshot will say why it cannot be read.
    if (readErrorCode(error) !== undefined) return false;
    throw error;
  }
}

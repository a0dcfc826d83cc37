import {createHash} from 'node:crypto';
import {mkdir, readFile, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {generateEd25519} from '../inventory/ed25519-key.js';

/** An ed25519 key pair in OpenSSH's own formats. */
export interface KeyPair {
  readonly privateKey: string;
  /** `ssh-ed25519 AAAA… comment` */
  readonly publicKey: string;
  /** `SHA256:…` as ssh-keygen -lf prints it. */
  readonly fingerprint: string;
  /** Absolute path of the private key; the public one is beside it with `.pub`. */
  readonly file: string;
}

/** Reads the pair at `file`, or makes one there (0600), so that a fleet keeps its keys when it is started again. */
export async function obtainKeyPair({file, comment}: {file: string; comment: string}): Promise<KeyPair> {
  const known = await readPair(file);
  if (known !== undefined) return known;
  const made = generateEd25519(comment);
  await mkdir(path.dirname(file), {recursive: true, mode: 0o700});
  await writeFile(file, made.privateKey, {mode: 0o600});
  await writeFile(`${file}.pub`, `${made.publicKey}\n`, {mode: 0o644});
  return describePair(file, made.privateKey, made.publicKey);
}

async function readPair(file: string): Promise<KeyPair | undefined> {
  try {
    return describePair(file, await readFile(file, 'utf8'), (await readFile(`${file}.pub`, 'utf8')).trim());
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function describePair(file: string, privateKey: string, publicKey: string): KeyPair {
  const digest = createHash('sha256')
    .update(Buffer.from(publicKey.split(' ')[1] ?? '', 'base64'))
    .digest('base64');
  return {file, privateKey, publicKey, fingerprint: `SHA256:${digest.replace(/=+$/, '')}`};
}

/** A known_hosts line for a host that is reached by name or by address, on its own port. */
export function formatKnownHost({name, address, port, key}: {name: string; address: string; port: number; key: KeyPair}): string {
  const [type, blob] = key.publicKey.split(' ');
  const names = port === 22 ? [name, address] : [name, `[${name}]:${port}`, `[${address}]:${port}`];
  return `${names.join(',')} ${type} ${blob}\n`;
}

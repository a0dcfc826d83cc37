import {createHash, generateKeyPairSync, randomBytes} from 'node:crypto';
import {mkdir, readFile, writeFile} from 'node:fs/promises';
import path from 'node:path';

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

/**
 * Written here because one in some hundred keys of ssh2's own generator (1.17) cannot be read back, by ssh2 or by ssh: it cuts
 * bytes off. The format is PROTOCOL.key of OpenSSH. Both halves leave the generator as DER, whose last 32 bytes they are:
 * exporting a generated key object can deadlock in Node 20, when the collector frees the generating job meanwhile.
 */
export function generateEd25519(comment: string): {privateKey: string; publicKey: string} {
  const made = generateKeyPairSync('ed25519', {
    publicKeyEncoding: {type: 'spki', format: 'der'},
    privateKeyEncoding: {type: 'pkcs8', format: 'der'},
  });
  const [point, seed] = [made.publicKey.subarray(-32), made.privateKey.subarray(-32)];
  const blob = Buffer.concat([encodeString('ssh-ed25519'), encodeString(point)]);
  const check = randomBytes(4);
  const secret = Buffer.concat([check, check, blob, encodeString(Buffer.concat([seed, point])), encodeString(comment)]);
  const padding = Buffer.from(Array.from({length: (8 - (secret.length % 8)) % 8}, (_, index) => index + 1));
  const noCipher = Buffer.concat([encodeString('none'), encodeString('none'), encodeString(''), encodeNumber(1)]);
  const body = Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    noCipher,
    encodeString(blob),
    encodeString(Buffer.concat([secret, padding])),
  ]);
  const lines = body.toString('base64').match(/.{1,70}/g) ?? [];
  const privateKey = ['-----BEGIN OPENSSH PRIVATE KEY-----', ...lines, '-----END OPENSSH PRIVATE KEY-----', ''].join('\n');
  return {privateKey, publicKey: `ssh-ed25519 ${blob.toString('base64')} ${comment}`};
}

function encodeString(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([encodeNumber(bytes.length), bytes]);
}

function encodeNumber(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
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

import {generateKeyPairSync, randomBytes} from 'node:crypto';

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

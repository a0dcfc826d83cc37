import {rm, stat} from 'node:fs/promises';
import path from 'node:path';
import ssh2 from 'ssh2';
import {describe, expect, it} from 'vitest';
import {generateEd25519} from '../../src/lib/inventory/ed25519-key.js';
import {formatKnownHost, obtainKeyPair} from '../../src/lib/lab/lab-keys.js';
import {hasProgram, makeFolder, run} from './practice-fleet.js';

describe('generateEd25519()', () => {
  it('makes keys that ssh2 reads back, whatever their bytes', () => {
    for (let count = 0; count < 1000; count += 1) {
      const {privateKey, publicKey} = generateEd25519('somebody');
      const parsed = ssh2.utils.parseKey(privateKey);
      if (parsed instanceof Error) throw parsed;
      expect(parsed.getPublicSSH().toString('base64')).toBe(publicKey.split(' ')[1]);
      expect(parsed.comment).toBe('somebody');
      const message = Buffer.from('message');
      expect(parsed.verify(message, parsed.sign(message))).toBe(true);
    }
  });
});

describe('obtainKeyPair()', () => {
  it('gives the same key the second time', async () => {
    const dir = await makeFolder();
    const file = path.join(dir, 'keys', 'web1');
    const first = await obtainKeyPair({file, comment: 'web1'});
    expect(await obtainKeyPair({file, comment: 'web1'})).toEqual(first);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    await rm(dir, {recursive: true});
  });

  it.skipIf(!hasProgram('ssh-keygen'))('makes what ssh-keygen reads in the same way', async () => {
    const dir = await makeFolder();
    const file = path.join(dir, 'key');
    const {publicKey, fingerprint} = await obtainKeyPair({file, comment: 'web1'});
    expect((await run('ssh-keygen', ['-lf', file])).stdout).toBe(`256 ${fingerprint} web1 (ED25519)\n`);
    expect((await run('ssh-keygen', ['-yf', file])).stdout.trim()).toBe(publicKey);
    await rm(dir, {recursive: true});
  });
});

describe('formatKnownHost()', () => {
  it('names the host by name and by address, with its port', () => {
    const key = {file: '', privateKey: '', publicKey: 'ssh-ed25519 AAAA web1', fingerprint: ''};
    expect(formatKnownHost({name: 'web1', address: '127.77.0.1', port: 2222, key})).toBe(
      'web1,[web1]:2222,[127.77.0.1]:2222 ssh-ed25519 AAAA\n',
    );
    expect(formatKnownHost({name: 'web1', address: '127.77.0.1', port: 22, key})).toBe('web1,127.77.0.1 ssh-ed25519 AAAA\n');
  });
});

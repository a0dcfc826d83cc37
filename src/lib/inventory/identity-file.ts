import {open, stat} from 'node:fs/promises';

/** What keeps a file from being used as a private key; undefined when nothing does. The key itself is not parsed. */
export async function inspectIdentity(file: string): Promise<{readonly message: string; readonly fix: string} | undefined> {
  try {
    const status = await stat(file);
    if (!status.isFile()) return {message: 'is not a file', fix: 'give the path of the private key'};
    if ((status.mode & 0o077) !== 0) return {message: 'can be read by others, and ssh refuses it', fix: `chmod 600 ${file}`};
    const handle = await open(file);
    try {
      const {buffer, bytesRead} = await handle.read(Buffer.alloc(64), 0, 64, 0);
      const start = buffer.toString('latin1', 0, bytesRead);
      const isPublic = /^(ssh-|ecdsa-|sk-)/.test(start);
      return isPublic ? {message: 'is a public key', fix: 'give the private key path'} : undefined;
    } finally {
      await handle.close();
    }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : undefined;
    if (code === undefined) throw error;
    if (code === 'ENOENT' || code === 'ENOTDIR')
      return {message: 'does not exist', fix: 'correct the path, or remove it to use ~/.ssh/config'};
    return {message: `cannot be read (${code})`, fix: 'make it readable'};
  }
}

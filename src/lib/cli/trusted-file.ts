import {createHash} from 'node:crypto';
import {chmod, readFile, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {DroverError} from '../errors/drover-error.js';
import {makeFolders} from '../events/make-folders.js';

/** What a person said about files that run something on this machine. */
export interface Trust {
  readonly stateDir: string;
  /** Records each file as trusted before it is used. */
  readonly trustNow: boolean;
}

/**
 * Refuses (exit 4) unless a person has trusted the file with this very content: a cloned repository executes nothing. `shown` names the file,
 * with what it is.
 */
export async function expectTrusted(file: string, shown: string, {stateDir, trustNow}: Trust): Promise<void> {
  const digest = createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
  const record = path.join(stateDir, 'trusted', createHash('sha256').update(file).digest('hex'));
  if (trustNow) {
    await makeFolders(path.dirname(record));
    await writeFile(record, `${digest} ${file}\n`, {mode: 0o600});
    await chmod(record, 0o600);
  }
  const known = await readFile(record, 'utf8').catch(() => '');
  if (known.startsWith(`${digest} `)) return;
  const message = known === '' ? `${shown} is not trusted yet` : `${shown} changed since it was trusted`;
  throw new DroverError({code: 'refused', message, fix: 'read it, then pass --trust-inventory once'});
}

import {mkdir} from 'node:fs/promises';
import path from 'node:path';

/**
 * Makes a directory and those above it that are missing, for their owner alone; one that is there stays as it is. Node's own recursive mkdir
 * never ends where a directory is there and says ENOENT to whoever makes something in it, as those of /proc do.
 */
export async function makeFolders(folder: string): Promise<void> {
  try {
    await mkdir(folder, 0o700);
  } catch (error) {
    const {code} = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    const above = path.dirname(folder);
    if (code !== 'ENOENT' || above === folder) throw error;
    await makeFolders(above);
    await mkdir(folder, 0o700).catch((again: NodeJS.ErrnoException) => {
      if (again.code !== 'EEXIST') throw again;
    });
  }
}

import {createHash} from 'node:crypto';
import {readFile, rename, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {DroverError} from '../errors/drover-error.js';
import {makeFolders} from '../events/make-folders.js';
import type {Inventory} from '../inventory/host.js';
import {formatCount} from '../report/quantity.js';
import {readErrorCode} from '../snapshot/error-code.js';

/** An inventory of fewer hosts than this may become what it likes. */
const smallFleet = 4;

function locate(inventory: Inventory, stateDir: string): string {
  return path.join(stateDir, 'inventories', createHash('sha256').update(inventory.file).digest('hex'));
}

/** How many hosts it had in the last run; 0 before the first. */
async function readSize(file: string): Promise<number> {
  const [known = ''] = (await readFile(file, 'utf8').catch(() => '')).split(' ');
  return /^\d{1,9}$/.test(known) ? Number(known) : 0;
}

/**
 * An inventory that lost more than half of its hosts since the last run that used it is more often an empty answer of some API than a smaller
 * fleet. Throws `refused`.
 */
export async function refuseShrunken(inventory: Inventory, stateDir: string): Promise<void> {
  const before = await readSize(locate(inventory, stateDir));
  const {length: now} = inventory.hosts;
  if (before < smallFleet || now * 2 >= before) return;
  const message = `inventory ${path.basename(inventory.file)} now has ${formatCount(now, 'host')}, last run had ${before}`;
  throw new DroverError({code: 'refused', message, fix: 'pass --inventory-changed if that is right'});
}

/** For the next run. */
export async function rememberSize(inventory: Inventory, stateDir: string): Promise<void> {
  const file = locate(inventory, stateDir);
  if ((await readSize(file)) === inventory.hosts.length) return;
  const fresh = `${file}.${process.pid}`;
  try {
    await makeFolders(path.dirname(file));
    await writeFile(fresh, `${inventory.hosts.length} ${inventory.file}\n`, {mode: 0o600});
    await rename(fresh, file);
  } catch (error) {
    const message = `${path.dirname(file)} cannot be written (${readErrorCode(error) ?? String(error)})`;
    throw new DroverError({code: 'refused', message, fix: 'make it writable, or free space there'});
  }
}

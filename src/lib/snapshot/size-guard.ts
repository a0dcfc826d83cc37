import {DroverError} from '../errors/drover-error.js';
import type {SnapshotRecord} from './store.js';
import type {WalkedTree} from './walked-tree.js';

const tolerance = 0.5;
/** A change of fewer files, or bytes, is never out of proportion: a page or two that come or go in a small tree. */
const smallChange = {files: 20, bytes: 1024 * 1024} as const;

/**
 * Refuses a tree that has shrunk or grown by more than half, and by at least 20 files or 1 MiB, since the app's last snapshot: a build that went
 * wrong looks like this. One that has become empty is out of proportion whatever it was. `records` newest first, of any app.
 */
export function refuseSizeChange({entries}: WalkedTree, app: string, records: readonly SnapshotRecord[]): void {
  const last = records.find((record) => record.app === app);
  if (last === undefined) return;
  let files = 0;
  let bytes = 0;
  for (const entry of entries) {
    if (entry.kind !== 'file') continue;
    files += 1;
    bytes += entry.size;
  }
  const changes = [describeChange('files', last.files, files), describeChange('bytes', last.bytes, bytes)].filter(
    (text) => text !== undefined,
  );
  if (changes.length === 0) return;
  throw new DroverError({
    code: 'refused',
    message: `app "${app}" would change from ${changes.join(' and from ')} since its last snapshot ${last.id.slice(0, 12)}`,
    fix: 'if that is right, pass --size-changed',
  });
}

function describeChange(what: keyof typeof smallChange, before: number, after: number): string | undefined {
  const change = Math.abs(after - before);
  if (change <= before * tolerance || (after > 0 && change < smallChange[what])) return undefined;
  const show = (count: number): string => count.toLocaleString('en-US');
  const percent = before === 0 ? '' : ` (${after > before ? '+' : ''}${Math.round(((after - before) / before) * 100)} %)`;
  return `${show(before)} to ${show(after)} ${what}${percent}`;
}

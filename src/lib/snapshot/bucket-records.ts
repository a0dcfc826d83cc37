import {DroverError} from '../errors/drover-error.js';
import type {SnapshotRecord} from './store.js';

/** Records of the same app and tree as one: the newest, with the labels of all. Newest first. */
export function mergeRecords(records: readonly SnapshotRecord[]): readonly SnapshotRecord[] {
  const merged = new Map<string, SnapshotRecord>();
  for (const record of [...records].sort(compareAge)) {
    const key = `${record.app}\n${record.id}`;
    merged.set(key, {...record, labels: {...merged.get(key)?.labels, ...record.labels}});
  }
  return [...merged.values()].sort((a, b) => compareAge(b, a));
}

function compareAge(a: SnapshotRecord, b: SnapshotRecord): number {
  const [one, other] = [`${a.createdAt}\n${a.app}\n${a.id}`, `${b.createdAt}\n${b.app}\n${b.id}`];
  return one < other ? -1 : Number(one > other);
}

/**
 * A bucket that was set back, or a service that hides what is newest, must not make an old snapshot the latest: refuses when this machine has
 * seen a newer one there that is gone.
 */
export function refuseRolledBack(where: string, latest: SnapshotRecord, gone: readonly SnapshotRecord[]): void {
  const newer = gone.find((record) => record.app === latest.app && record.createdAt > latest.createdAt);
  if (newer === undefined) return;
  throw new DroverError({
    code: 'refused',
    message: `${where} has lost snapshot ${newer.id.slice(0, 12)} of ${newer.createdAt}, which this machine saw there; its latest is ${latest.id.slice(0, 12)} of ${latest.createdAt}`,
    fix: 'take the snapshot again, or name the one you mean by its id',
  });
}

import {DroverError} from '../errors/drover-error.js';
import type {SnapshotId} from './manifest.js';
import type {SnapshotRecord} from './store.js';

/** Which snapshots stay. A record stays when any one of the rules says so. */
export interface PrunePolicy {
  /** The newest records that stay, for each app; at least 1. */
  readonly keep: number;
  /** Records younger than this stay, in milliseconds. */
  readonly keepWithinMs?: number;
  /** Records that have one of these labels stay; a label without a value matches any value. */
  readonly keepLabels?: readonly KeptLabel[];
  /** Only records of these apps can go; all apps when undefined. */
  readonly apps?: readonly string[];
  /** Snapshots that stay whatever their age: what hosts have. */
  readonly protect: readonly SnapshotId[];
}

export interface KeptLabel {
  readonly name: string;
  readonly value?: string;
}

/** The records that no rule keeps. `records` newest first, as they are listed. */
export function chooseOld(records: readonly SnapshotRecord[], policy: PrunePolicy, nowMs: number): readonly SnapshotRecord[] {
  if (!Number.isInteger(policy.keep) || policy.keep < 1) {
    throw new DroverError({
      code: 'usage',
      message: `prune must keep at least 1 snapshot of each app, got ${policy.keep}`,
      fix: 'pass a number from 1 on',
    });
  }
  const ranks = new Map<string, number>();
  const needed = new Set<string>(policy.protect);
  return records.filter((record) => {
    const rank = (ranks.get(record.app) ?? 0) + 1;
    ranks.set(record.app, rank);
    return rank > policy.keep && !needed.has(record.id) && !isKept(record, policy, nowMs);
  });
}

function isKept(
  {app, createdAt, labels, embargoUntil}: SnapshotRecord,
  {apps, keepWithinMs, keepLabels = []}: PrunePolicy,
  nowMs: number,
): boolean {
  if (apps !== undefined && !apps.includes(app)) return true;
  // It waits for its day.
  if (embargoUntil !== undefined && Date.parse(embargoUntil) > nowMs) return true;
  if (keepWithinMs !== undefined && nowMs - Date.parse(createdAt) < keepWithinMs) return true;
  return keepLabels.some(({name, value}) => Object.hasOwn(labels, name) && (value === undefined || labels[name] === value));
}

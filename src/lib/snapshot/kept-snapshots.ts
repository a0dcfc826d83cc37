import {DroverError} from '../errors/drover-error.js';
import type {SnapshotId} from './manifest.js';
import {chooseOld, type PrunePolicy} from './prune-policy.js';
import type {PartRecord, SnapshotRecord} from './store.js';

export interface Sorted {
  /** Records that no rule keeps. */
  readonly old: readonly SnapshotRecord[];
  /** Manifests that stay: of records that do, of what hosts have, and of the parts of those. */
  readonly kept: readonly SnapshotId[];
  readonly removed: readonly SnapshotId[];
}

/**
 * What a policy means for the records, parts and manifests of a store. `records` newest first. Throws `integrity` when a record that stays has no
 * manifest: nobody knows then what it needs.
 */
export function sortSnapshots(
  {
    records,
    parts,
    manifests,
  }: {
    readonly records: readonly SnapshotRecord[];
    readonly parts: readonly PartRecord[];
    readonly manifests: readonly SnapshotId[];
  },
  policy: PrunePolicy,
  nowMs: number,
): Sorted {
  const held = new Set<string>(policy.protect);
  // A host that holds a part of a snapshot goes back to that snapshot.
  const protect = [...policy.protect, ...parts.filter(({id}) => held.has(id)).map(({snapshot}) => snapshot)];
  const old = chooseOld(records, {...policy, protect}, nowMs);
  const gone = new Set(old);
  const listed = new Set(manifests);
  const lacking = records.find((record) => !gone.has(record) && !listed.has(record.id));
  if (lacking !== undefined) {
    throw new DroverError({
      code: 'integrity',
      message: `the manifest of ${lacking.id.slice(0, 12)}, which stays, is missing, so that nobody knows what it needs`,
      fix: 'heal it: drover snapshot verify --repair; or take the snapshot again',
    });
  }
  const stays = new Set<string>([...protect, ...records.filter((record) => !gone.has(record)).map(({id}) => id)]);
  for (const {id, snapshot} of parts) if (stays.has(snapshot)) stays.add(id);
  return {old, kept: manifests.filter((id) => stays.has(id)), removed: manifests.filter((id) => !stays.has(id))};
}

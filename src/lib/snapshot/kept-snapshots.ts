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

/** What a policy means for the records, parts and manifests of a store. `records` newest first. */
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
  const stays = new Set<string>([...protect, ...records.filter((record) => !gone.has(record)).map(({id}) => id)]);
  for (const {id, snapshot} of parts) if (stays.has(snapshot)) stays.add(id);
  return {old, kept: manifests.filter((id) => stays.has(id)), removed: manifests.filter((id) => !stays.has(id))};
}

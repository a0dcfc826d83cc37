import type {HostState} from '../host/host-state.js';
import type {Host} from '../inventory/host.js';
import {canEncode, type Encoding} from '../snapshot/delta-encoding.js';
import type {SnapshotId} from '../snapshot/manifest.js';
import type {Store} from '../snapshot/store.js';
import type {DeltaWish} from './delta-shelf.js';

export interface WishOptions {
  readonly store: Store;
  readonly snapshot: string;
  /** Host -> its part of the snapshot, where content is shared out. */
  readonly parts?: ReadonlyMap<string, string>;
  readonly hosts: readonly Host[];
  readonly states: ReadonlyMap<string, HostState>;
}

/** What a host is to have: its part, or the snapshot itself. */
export function releaseFor({snapshot, parts}: Pick<WishOptions, 'snapshot' | 'parts'>, host: Host): SnapshotId {
  return (parts?.get(host.name) ?? snapshot) as SnapshotId;
}

export function plainWish(snapshot: SnapshotId): DeltaWish {
  return {snapshot, base: undefined, encoding: 'gzip'};
}

/**
 * What each host's delta starts from: the live release, else any complete one, that the store knows as well. And how it is compressed: by
 * zstd where both ends have it.
 */
export async function chooseWishes(options: WishOptions): Promise<ReadonlyMap<string, DeltaWish>> {
  const {store, hosts, states} = options;
  const known = new Set<string>([...(await store.list()), ...(await store.parts())].map((record) => record.id));
  return new Map(
    hosts.map((host) => {
      const state = states.get(host.name);
      const snapshot = releaseFor(options, host);
      const held = [state?.live, ...(state?.releases ?? [])].filter((id): id is SnapshotId => id !== undefined && id !== snapshot);
      const encoding: Encoding = state?.tools.has('zstd') === true && canEncode('zstd') ? 'zstd' : 'gzip';
      return [host.name, {snapshot, base: held.find((id) => known.has(id) && state?.releases.includes(id)), encoding}];
    }),
  );
}

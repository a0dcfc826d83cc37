import {DroverError} from '../errors/drover-error.js';
import type {App} from '../inventory/app.js';
import type {Inventory} from '../inventory/host.js';
import type {Store} from '../snapshot/store.js';
import {assignApp, cutManifest, expectPartition} from './app-parts.js';
import {hostsOfApp} from './plan-rollout.js';

interface Size {
  readonly files: number;
  readonly bytes: number;
}

/** Who holds what of one app, and of its newest snapshot when there is one. */
export interface PartitionList {
  readonly app: string;
  readonly snapshot: string | null;
  readonly partitions: readonly {readonly name: string; readonly hosts: readonly string[]; readonly size: Size | null}[];
  readonly hosts: readonly {
    readonly name: string;
    readonly silo: string;
    readonly partitions: readonly string[];
    /** The id of the host's part. */
    readonly part: string | null;
    readonly size: Size | null;
  }[];
}

/** Opens no connection and changes nothing. */
export async function listPartitions(inventory: Inventory, app: App, store: Store): Promise<PartitionList> {
  const assignment = assignApp(inventory, app);
  if (assignment === undefined) {
    const message = `app "${app.name}" has no partitions: each of its hosts holds all of it`;
    throw new DroverError({code: 'refused', message, fix: `add partitions: to apps.${app.name}`});
  }
  const members = hostsOfApp(inventory, app);
  const newest = (await store.list()).find((record) => record.app === app.name);
  const manifest = newest === undefined ? undefined : await store.manifest(newest.id);
  const parts = manifest === undefined ? undefined : cutManifest({inventory, app, assignment, manifest});
  const sizes = new Map<string, {files: number; bytes: number}>();
  const partitionOf = expectPartition(app, assignment);
  for (const entry of manifest?.entries ?? []) {
    if (entry.kind !== 'file') continue;
    const name = partitionOf(entry.path);
    const size = sizes.get(name) ?? {files: 0, bytes: 0};
    sizes.set(name, {files: size.files + 1, bytes: size.bytes + entry.size});
  }
  return {
    app: app.name,
    snapshot: newest?.id ?? null,
    partitions: assignment.partitions.map(({name, sets}) => ({
      name,
      hosts: members.map((host) => host.name).filter((host) => sets.some((set) => set.hosts.includes(host))),
      size: manifest === undefined ? null : (sizes.get(name) ?? {files: 0, bytes: 0}),
    })),
    hosts: members.map(({name, silo}) => {
      const part = parts?.get(name)?.manifest;
      const held = assignment.heldBy(name);
      return {
        name,
        silo,
        partitions: assignment.partitions.filter((partition) => held.has(partition.name)).map((partition) => partition.name),
        part: part?.id ?? null,
        size: part === undefined ? null : {files: part.files, bytes: part.bytes},
      };
    }),
  };
}

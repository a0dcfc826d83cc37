import type {App} from '../../src/lib/inventory/app.js';
import {pruneApps} from '../../src/lib/operations/prune-apps.js';
import type {RunEnd} from '../../src/lib/operations/run-end.js';
import type {World} from '../../src/lib/operations/world.js';
import {chooseOld} from '../../src/lib/snapshot/prune-policy.js';
import type {Pruned, PruneOptions} from '../../src/lib/snapshot/prune-store.js';
import type {SnapshotRecord, Store} from '../../src/lib/snapshot/store.js';
import {forgotten, releases} from './fleet-state.js';

/** Hosts hold nearly everything; what they lack they have once it was asked for. */
export const store = {
  resolve: async (app: string, id: string) => ({id, app, createdAt: '', labels: {}, files: 1, bytes: 1}),
  list: async () => [],
  parts: async () => [],
  delta: async (base: string | undefined, snapshot: string) => ({
    ...{base, snapshot, path: '/dev/null', bytes: 1, digest: snapshot, encoding: 'gzip'},
    ...{archiveBytes: 1, files: 1, unpackedBytes: 1, removed: 0},
  }),
} as unknown as Store;

/** Everything that there ever was but the newest is old enough to go. */
export async function pruneAll(world: World, app: App, onGone: (gone: readonly string[]) => void): Promise<RunEnd> {
  const ids = [releases.e, releases.b, releases.a, releases.c, releases.d, ...forgotten];
  const records = ids.map((id) => ({id, app: app.name, createdAt: '', labels: {}, files: 1, bytes: 1})) as unknown as SnapshotRecord[];
  const prune = async (options: PruneOptions): Promise<Pruned> => {
    const old = chooseOld(records, options, world.now());
    onGone(old.map(({id}) => id));
    return {records: old, removed: old.map(({id}) => id), kept: [], freedBytes: 0};
  };
  const {end} = await pruneApps(world, {apps: [app], store: {prune}, policy: {keep: 1}, without: new Set(), dryRun: false});
  return end;
}

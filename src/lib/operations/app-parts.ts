import {DroverError} from '../errors/drover-error.js';
import type {App} from '../inventory/app.js';
import type {Inventory} from '../inventory/host.js';
import {type Assignment, assignPartitions} from '../inventory/partition-assignment.js';
import type {Manifest, SnapshotId} from '../snapshot/manifest.js';
import {cutParts, type Part} from '../snapshot/part.js';
import type {Store} from '../snapshot/store.js';
import {hostsOfApp} from './plan-rollout.js';
import type {World} from './world.js';

/** Who holds what of an app; undefined when every host holds all of it. */
export function assignApp(inventory: Inventory, app: App): Assignment | undefined {
  const {partitions} = app;
  if (partitions === undefined) return undefined;
  return assignPartitions({app: app.name, partitions, inventory, members: hostsOfApp(inventory, app)});
}

/** The partition of a path of the app. Throws `refused` for one that no rule assigns. */
export function expectPartition(app: App, assignment: Assignment): (path: string) => string {
  return (path) => {
    const name = assignment.partitionOf(path);
    if (name !== undefined) return name;
    throw new DroverError({
      code: 'refused',
      message: `no rule of apps.${app.name}.partitions assigns ${JSON.stringify(path)} to hosts`,
      fix: `add a rule for it, or {paths: ["**"], hosts: none} as the last one`,
    });
  };
}

/** The parts of a snapshot that hosts of an app get; hosts that hold the same get the same part. */
export interface CutApp {
  readonly assignment: Assignment;
  /** By host, every host of the app. */
  readonly parts: ReadonlyMap<string, Part>;
}

/** Cuts a snapshot for every host of an app, and keeps the parts; undefined when the app has no partitions. */
export async function cutApp(options: {
  readonly inventory: Inventory;
  readonly app: App;
  readonly store: Store;
  readonly snapshot: SnapshotId;
  readonly signal: AbortSignal;
}): Promise<CutApp | undefined> {
  const {inventory, app, store, snapshot, signal} = options;
  const assignment = assignApp(inventory, app);
  if (assignment === undefined) return undefined;
  const parts = cutManifest({inventory, app, assignment, manifest: await store.manifest(snapshot)});
  await store.keepParts(snapshot, [...new Set(parts.values())], signal);
  return {assignment, parts};
}

/** As `cutApp`, of a manifest in hand; nothing is kept. */
export function cutManifest({
  inventory,
  app,
  assignment,
  manifest,
}: {
  readonly inventory: Inventory;
  readonly app: App;
  readonly assignment: Assignment;
  readonly manifest: Manifest;
}): ReadonlyMap<string, Part> {
  const members = hostsOfApp(inventory, app).map((host) => host.name);
  const keys = new Map(members.map((host) => [host, [...assignment.heldBy(host)].sort().join('\0')]));
  const distinct = [...new Set(keys.values())];
  const parts = cutParts({
    snapshot: manifest,
    partitionOf: expectPartition(app, assignment),
    wanted: distinct.map((key) => new Set(key === '' ? [] : key.split('\0'))),
    always: Object.keys(app.link).flatMap((path) => (path.includes('/') ? [path.slice(0, path.lastIndexOf('/'))] : [])),
  });
  return new Map(
    members.flatMap((host): [string, Part][] => {
      const part = parts[distinct.indexOf(keys.get(host) ?? '')];
      return part === undefined ? [] : [[host, part]];
    }),
  );
}

/** Host -> id of its part. */
export function listIds(cut: CutApp): ReadonlyMap<string, string> {
  return new Map([...cut.parts].map(([host, part]) => [host, part.manifest.id]));
}

const linksNamed = 3;

/** One warning for all links that lead into what their hosts do not hold, with the first of them by name. */
export async function warnOfDangling(world: Pick<World, 'emit'>, app: App, parts: Iterable<Pick<Part, 'dangling'>>): Promise<void> {
  const paths = [...new Set([...parts].flatMap((part) => part.dangling))].sort();
  if (paths.length === 0) return;
  const named = paths.slice(0, linksNamed).map((link) => JSON.stringify(link));
  if (paths.length > linksNamed) named.push(`${paths.length - linksNamed} more`);
  const [links, lead] = paths.length === 1 ? ['link', 'leads'] : ['links', 'lead'];
  await world.emit({
    kind: 'warning',
    message: `${links} ${named.join(', ')} ${lead} into another partition, and nowhere on hosts that do not hold it; give link and target one rule in apps.${app.name}.partitions, or copy the target`,
  });
}

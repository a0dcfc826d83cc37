import {DroverError} from '../errors/drover-error.js';
import type {App} from '../inventory/app.js';
import type {Inventory} from '../inventory/host.js';
import {type Assignment, assignPartitions} from '../inventory/partition-assignment.js';
import type {Manifest} from '../snapshot/manifest.js';
import {cutParts, type Part} from '../snapshot/part.js';
import {hostsOfApp} from './plan-rollout.js';

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

/** The part of each host of an app, by host; hosts that hold the same get the same part. Nothing is kept. */
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

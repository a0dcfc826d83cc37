import fs from 'node:fs';
import path from 'node:path';
import {listIfThere, writeDurably} from './durable-file.js';
import type {SnapshotId} from './manifest.js';
import type {Part} from './part.js';
import {readManifest} from './read-manifest.js';
import type {PartRecord} from './store.js';
import type {StoreLayout} from './store-layout.js';

/** Only while nobody prunes. The record comes first: a manifest without one would never be pruned with its snapshot. */
export function keepParts(layout: StoreLayout, snapshot: SnapshotId, parts: readonly Part[]): void {
  readManifest(layout, snapshot);
  const [records, manifests] = [new Set(listIfThere(layout.folder('parts'))), new Set(listIfThere(layout.folder('snapshots')))];
  for (const {manifest, text} of parts) {
    const name = `${manifest.id}.${snapshot}`;
    if (!records.has(name)) writeDurably(path.join(layout.folder('parts'), name), '');
    if (!manifests.has(manifest.id)) writeDurably(layout.snapshot(manifest.id), text);
    records.add(name);
    manifests.add(manifest.id);
  }
}

export function listParts(layout: StoreLayout): readonly PartRecord[] {
  return listIfThere(layout.folder('parts')).flatMap((name): PartRecord[] => {
    const [, id, snapshot] = /^([0-9a-f]{64})\.([0-9a-f]{64})$/.exec(name) ?? [];
    return id === undefined || snapshot === undefined ? [] : [{id: id as SnapshotId, snapshot: snapshot as SnapshotId}];
  });
}

/** Forgets parts whose manifests are gone. */
export function removeParts(layout: StoreLayout, kept: ReadonlySet<string>): void {
  for (const {id, snapshot} of listParts(layout)) {
    if (!kept.has(id)) fs.rmSync(path.join(layout.folder('parts'), `${id}.${snapshot}`), {force: true});
  }
}

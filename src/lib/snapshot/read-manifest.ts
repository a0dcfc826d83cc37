import {DroverError} from '../errors/drover-error.js';
import {readIfThere} from './durable-file.js';
import type {Manifest, SnapshotId} from './manifest.js';
import {parseManifest, snapshotId} from './manifest-text.js';
import type {StoreLayout} from './store-layout.js';

/** The manifest of a kept snapshot: `not-found`, or `integrity` when it is not what its id says. */
export function readManifest(layout: StoreLayout, id: SnapshotId): Manifest {
  return parseManifest(readManifestText(layout, id).toString('utf8'), id);
}

/** As `readManifest`, only its bytes, which have the digest that its id says. */
export function readManifestText(layout: StoreLayout, id: SnapshotId): Buffer {
  const file = layout.snapshot(id);
  const text = readIfThere(file);
  if (text === undefined) {
    throw new DroverError({
      code: 'not-found',
      message: `snapshot ${id.slice(0, 12)} is not in the store ${layout.root}`,
      fix: 'take it again: drover snapshot',
    });
  }
  const actual = snapshotId(text);
  if (actual !== id) {
    throw new DroverError({
      code: 'integrity',
      message: `manifest of snapshot ${id.slice(0, 12)}: content hash is ${actual.slice(0, 12)}`,
      file,
      fix: 'rebuild it from its source: drover snapshot',
    });
  }
  return text;
}

/** As `readManifest`; undefined when it cannot be used. */
export function tryReadManifest(layout: StoreLayout, id: SnapshotId): Manifest | undefined {
  try {
    return readManifest(layout, id);
  } catch (error) {
    if (error instanceof DroverError) return undefined;
    throw error;
  }
}

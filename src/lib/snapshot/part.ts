import {followLink} from './link-target.js';
import type {Entry, Manifest} from './manifest.js';
import {encodeManifest, lookIn, parentOf, snapshotId} from './manifest-text.js';

/** A part of a snapshot: some of its entries, as a tree of its own with an id like any other. */
export interface Part {
  readonly manifest: Manifest;
  /** The canonical manifest. */
  readonly text: Buffer;
  /** Links that lead somewhere in the snapshot and nowhere in the part. */
  readonly dangling: readonly string[];
}

export interface CutOptions {
  readonly snapshot: Pick<Manifest, 'entries'>;
  /** The partition of a path. Asked for files, links and empty directories; what it throws is passed on. */
  readonly partitionOf: (path: string) => string;
  /** What each part holds. */
  readonly wanted: readonly ReadonlySet<string>[];
  /** Directories that every part has when the snapshot has them. */
  readonly always: readonly string[];
}

/**
 * Cuts parts out of a snapshot; the same input gives the same ids on any machine. A part has its files, links and empty directories, the
 * directories above them, and the links that a link of it goes through, so that it never leads out of the tree where it did not before.
 */
export function cutParts({snapshot, partitionOf, wanted, always}: CutOptions): readonly Part[] {
  const places = new Map(snapshot.entries.map((entry) => [entry.path, entry]));
  const filled = new Set(snapshot.entries.map((entry) => parentOf(entry.path)));
  const labels = snapshot.entries.map((entry) =>
    entry.kind === 'directory' && filled.has(entry.path) ? undefined : partitionOf(entry.path),
  );
  return wanted.map((partitions) => {
    const chosen = new Set<Entry>();
    const choose = (entry: Entry | undefined): void => {
      if (entry === undefined || chosen.has(entry)) return;
      chosen.add(entry);
      choose(places.get(parentOf(entry.path) ?? ''));
      if (entry.kind === 'link') for (const passed of linksOnTheWay(entry, places)) choose(passed);
    };
    for (const [index, entry] of snapshot.entries.entries()) {
      const label = labels[index];
      if (label !== undefined && partitions.has(label)) choose(entry);
    }
    for (const path of always) if (places.get(path)?.kind === 'directory') choose(places.get(path));
    return describePart(
      snapshot.entries.filter((entry) => chosen.has(entry)),
      places,
    );
  });
}

function linksOnTheWay(link: Entry & {readonly kind: 'link'}, places: ReadonlyMap<string, Entry>): readonly Entry[] {
  const passed: Entry[] = [];
  followLink(link.path, link.target, (path) => {
    const entry = places.get(path);
    if (entry?.kind === 'link') passed.push(entry);
    return entry ?? {kind: 'nothing'};
  });
  return passed;
}

function describePart(entries: readonly Entry[], places: ReadonlyMap<string, Entry>): Part {
  const text = encodeManifest(entries);
  const [inSnapshot, inPart] = [lookIn(places), lookIn(new Map(entries.map((entry) => [entry.path, entry])))];
  let [files, bytes] = [0, 0];
  const dangling: string[] = [];
  for (const entry of entries) {
    if (entry.kind === 'file') {
      files += 1;
      bytes += entry.size;
    }
    if (entry.kind !== 'link' || followLink(entry.path, entry.target, inPart) !== 'dangling') continue;
    if (followLink(entry.path, entry.target, inSnapshot) === 'inside') dangling.push(entry.path);
  }
  return {manifest: {id: snapshotId(text), entries, files, bytes}, text, dangling};
}

import type {Entry} from '../snapshot/manifest.js';
import {decodeOrigins} from '../snapshot/origins.js';
import type {SnapshotRecord} from '../snapshot/store.js';
import type {RecordedSource} from '../snapshot/tree-source.js';

export function describeLabels(record: SnapshotRecord): string {
  return Object.entries(record.labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
}

/** Note and embargo on one line. */
export function describeNote({note = '', embargoUntil}: SnapshotRecord): string {
  return [...(embargoUntil === undefined ? [] : [`not before ${shortTime(embargoUntil)} UTC`]), ...(note === '' ? [] : [note])].join('; ');
}

export function shortTime(iso: string): string {
  return iso.slice(0, 19).replace('T', ' ');
}

export function describeSource({name, at, commit}: RecordedSource): string {
  return `${name}${commit === undefined ? '' : ` (commit ${commit})`}${at === undefined ? '' : ` at ${at}/`}`;
}

/** For each entry of a manifest the source it came from; undefined where it had one source only, or nobody recorded it. */
export function nameOrigins({sources = [], origins}: SnapshotRecord): readonly (string | undefined)[] {
  if (origins === undefined || sources.length < 2) return [];
  return decodeOrigins(origins).map((index) => sources[index]?.name);
}

export function describeEntry(entry: Entry, origin: string | undefined): string {
  const from = origin === undefined ? '' : `  (${origin})`;
  switch (entry.kind) {
    case 'file':
      return `${entry.mode.toString(8)} ${String(entry.size).padStart(10)} ${entry.digest.slice(0, 12)} ${entry.path}${from}`;
    case 'directory':
      return `${entry.mode.toString(8)} ${'folder'.padStart(10)} ${' '.repeat(12)} ${entry.path}/${from}`;
    case 'link':
      return `    ${'link'.padStart(10)} ${' '.repeat(12)} ${entry.path} -> ${entry.target}${from}`;
  }
}

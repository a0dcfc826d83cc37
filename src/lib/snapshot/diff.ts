import type {Entry, Manifest} from './manifest.js';
import {compareBytewise} from './manifest-text.js';

export type Change =
  | {readonly kind: 'added'; readonly entry: Entry}
  | {readonly kind: 'removed'; readonly entry: Entry}
  /** The same path in both. `what`: other bytes (or link target), only another mode, or another kind of thing. */
  | {readonly kind: 'changed'; readonly what: 'content' | 'mode' | 'kind'; readonly before: Entry; readonly after: Entry};

export interface ManifestDiff {
  /** In canonical order of their paths. */
  readonly changes: readonly Change[];
  readonly added: number;
  readonly removed: number;
  readonly changed: number;
  /** Bytes of the files that are new or whose content differs. */
  readonly bytes: number;
}

function explainChange(before: Entry, after: Entry): 'content' | 'mode' | 'kind' | undefined {
  if (before.kind !== after.kind) return 'kind';
  if (before.kind === 'file' && after.kind === 'file' && before.digest !== after.digest) return 'content';
  if (before.kind === 'link' && after.kind === 'link') return before.target === after.target ? undefined : 'content';
  return before.kind !== 'link' && after.kind !== 'link' && before.mode !== after.mode ? 'mode' : undefined;
}

function* mergeEntries(before: readonly Entry[], after: readonly Entry[]): Generator<Change> {
  let left = 0;
  let right = 0;
  while (left < before.length || right < after.length) {
    const old = before[left];
    const fresh = after[right];
    const order = old === undefined || fresh === undefined ? 0 : compareBytewise(old.path, fresh.path);
    if (fresh === undefined || order < 0) {
      if (old !== undefined) yield {kind: 'removed', entry: old};
      left += 1;
    } else if (old === undefined || order > 0) {
      yield {kind: 'added', entry: fresh};
      right += 1;
    } else {
      const what = explainChange(old, fresh);
      if (what !== undefined) yield {kind: 'changed', what, before: old, after: fresh};
      left += 1;
      right += 1;
    }
  }
}

/** What differs between two trees. */
export function diffManifests(before: Pick<Manifest, 'entries'>, after: Pick<Manifest, 'entries'>): ManifestDiff {
  const changes = [...mergeEntries(before.entries, after.entries)];
  const count = (kind: Change['kind']): number => changes.filter((change) => change.kind === kind).length;
  let bytes = 0;
  for (const change of changes) {
    const fresh = change.kind === 'added' ? change.entry : change.kind === 'changed' && change.what !== 'mode' ? change.after : undefined;
    if (fresh?.kind === 'file') bytes += fresh.size;
  }
  return {changes, added: count('added'), removed: count('removed'), changed: count('changed'), bytes};
}

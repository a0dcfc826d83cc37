import {followLink, type Place} from './link-target.js';
import type {SourceProblems, SourceWarnings} from './source-problems.js';
import type {WalkedEntry} from './walked-tree.js';

/** Refuses links that leave the tree; warns of those that lead nowhere in it. */
export function judgeLinks(entries: readonly WalkedEntry[], problems: SourceProblems, warnings: SourceWarnings): void {
  const links = entries.filter((entry) => entry.kind === 'link');
  if (links.length === 0) return;
  const places = new Map<string, Place>(entries.map((entry) => [entry.path, entry]));
  const look = (path: string): Place => places.get(path) ?? {kind: 'nothing'};
  for (const {path, target} of links) {
    switch (followLink(path, target, look)) {
      case 'inside':
        break;
      case 'escapes':
        problems.add(path, `is a link to "${target}", outside the tree`, 'copy what it points at into the tree, or ignore it');
        break;
      case 'dangling':
        warnings.add(`link "${path}" -> "${target}" points at nothing in the snapshot`);
        break;
      case 'loop':
        warnings.add(`link "${path}" -> "${target}" leads in a circle`);
        break;
    }
  }
}

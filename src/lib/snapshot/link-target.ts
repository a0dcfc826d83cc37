/** What the resolver needs to know of a path: nothing is there, something that is no link, or a link and its target. */
export type Place = {readonly kind: 'nothing' | 'file' | 'directory'} | {readonly kind: 'link'; readonly target: string};

export type LinkEnd = 'inside' | 'dangling' | 'loop' | 'escapes';

/** As the kernel (path_resolution(7)). */
const linkBudget = 40;

/**
 * Where a relative link leads when the tree is all there is, following links on the way as the kernel would: `x -> l/..`
 * escapes when `l` points at the root, though its text does not look like it. Past a missing part the rest is judged by
 * its text, so a dangling link cannot escape either once that part appears as a directory.
 */
export function followLink(path: string, target: string, look: (path: string) => Place): LinkEnd {
  const at = path.split('/').slice(0, -1);
  const left = target.split('/').reverse();
  let links = 0;
  let missing = false;
  while (left.length > 0) {
    const component = left.pop();
    if (component === undefined || component === '' || component === '.') continue;
    if (component === '..') {
      if (at.pop() === undefined) return 'escapes';
      continue;
    }
    at.push(component);
    const place = look(at.join('/'));
    if (place.kind === 'link') {
      links += 1;
      if (links > linkBudget) return 'loop';
      at.pop();
      left.push(...place.target.split('/').reverse());
    } else if (place.kind === 'nothing' || (place.kind === 'file' && left.length > 0)) {
      missing = true;
    }
  }
  return missing ? 'dangling' : 'inside';
}

/** Path and query of a URL or of an absolute path, percent-encoded where needed; undefined for anything else. */
export function readPath(text: string): string | undefined {
  if (!text.startsWith('/') && !/^https?:\/\//i.test(text)) return undefined;
  const absolute = text.startsWith('/') ? `http://host/${text.replace(/^\/+/, '')}` : text;
  if (!URL.canParse(absolute)) return undefined;
  const {pathname, search} = new URL(absolute);
  return pathname + search;
}

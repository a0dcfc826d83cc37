function isClean(text: string): boolean {
  return text.trim() === text && text !== '' && !/\p{Cc}/u.test(text);
}

/** Path below a folder: no leading slash, no `.` or `..`, no empty part. */
export function parseRelativePath(text: string): string | undefined {
  const parts = text.split('/');
  return isClean(text) && !text.startsWith('~') && parts.every((part) => !['', '.', '..'].includes(part)) ? text : undefined;
}

/** Absolute path on a host that is not `/` and does not climb; a slash at the end is dropped. */
export function parseAbsolutePath(text: string): string | undefined {
  const path = text.replace(/\/+$/, '');
  return path.startsWith('/') && parseRelativePath(path.slice(1)) !== undefined ? path : undefined;
}

/** As `parseAbsolutePath`, or `~/…` below the login directory. */
export function parseRootPath(text: string): string | undefined {
  const path = text.replace(/\/+$/, '');
  if (!path.startsWith('~/')) return parseAbsolutePath(text);
  return parseRelativePath(path.slice(2)) === undefined ? undefined : path;
}

/** Path of an HTTP request, with its query: printable ASCII, begins with a slash. */
export function parseUrlPath(text: string): string | undefined {
  return /^\/[!-~]*$/.test(text) && !text.startsWith('//') && !text.includes('#') ? text : undefined;
}

/** Absolute URL of a service: http or https, without user, password or fragment. */
export function parseServiceUrl(text: string): string | undefined {
  if (!/^https?:\/\/[!-~]+$/.test(text) || !URL.canParse(text)) return undefined;
  const {username, password, hash} = new URL(text);
  return username === '' && password === '' && hash === '' ? text : undefined;
}

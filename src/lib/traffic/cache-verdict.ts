/** Response headers that tell whether a cache answered; names in lower case. */
export const cacheHeaders = [
  'x-cache',
  'cf-cache-status',
  'x-cache-status',
  'x-proxy-cache',
  'x-nginx-cache',
  'x-varnish-cache',
  'cache-status',
  'x-varnish',
  'age',
] as const;

export type CacheVerdict = 'hit' | 'miss';

/**
 * Whether the answer came out of a cache; undefined when no header says so. A word (HIT, MISS, EXPIRED…) comes first; of several caches
 * in a row the last named is the nearest. Then RFC 9211 `Cache-Status`, then X-Varnish, which has two ids on a hit, then Age
 * above zero.
 */
export function readCacheVerdict(headers: Readonly<Record<string, string>>): CacheVerdict | undefined {
  for (const name of cacheHeaders.slice(0, 6)) {
    const word = headers[name]?.split(',').at(-1)?.trim().toLowerCase();
    if (word === undefined || word === '') continue;
    return /\b(hit|stale|updating|revalidated)\b/.test(word) ? 'hit' : 'miss';
  }
  const status = headers['cache-status']?.split(',').at(-1);
  if (status !== undefined) return /;\s*hit\b(?!\s*=\s*\?0)/i.test(status) ? 'hit' : 'miss';
  const varnish = headers['x-varnish'];
  if (varnish !== undefined) return /^\s*\d+\s+\d+\s*$/.test(varnish) ? 'hit' : 'miss';
  const age = headers.age;
  if (age === undefined || !/^\s*\d+\s*$/.test(age)) return undefined;
  return Number(age) > 0 ? 'hit' : 'miss';
}

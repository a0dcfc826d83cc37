import {DroverError} from '../errors/drover-error.js';

const exponents = {'': 0, K: 1, M: 2, G: 3, T: 4} as const;

/**
 * Bytes: `512`, `20M` and `20MiB` count in 1024s, as df, dd and rsync do; `20MB` counts in 1000s. Case of the unit is ignored.
 * Throws `usage`; `name` begins the message.
 */
export function parseByteSize(text: string, name = 'size'): number {
  const match = /^(\d{1,15})([kmgt]?)(|b|ib)$/i.exec(text);
  const prefix = (match?.[2] ?? '').toUpperCase() as keyof typeof exponents;
  const suffix = (match?.[3] ?? '').toLowerCase();
  const base = suffix === 'b' ? 1000 : 1024;
  const bytes = Number(match?.[1]) * base ** exponents[prefix];
  if (match && Number.isSafeInteger(bytes) && !(prefix === '' && suffix === 'ib')) return bytes;
  throw new DroverError({code: 'usage', message: `${name} must be a size, for example 20M or 1GiB, got ${JSON.stringify(text)}`});
}

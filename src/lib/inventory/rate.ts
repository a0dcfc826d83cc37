import {DroverError} from '../errors/drover-error.js';

const secondsPer = {s: 1, m: 60, h: 3600} as const;

/** `20/s`, `600/m` or `100/h` as a number per second, at most 10,000/s. Throws `usage`; `name` begins the message. */
export function parseRate(text: string, name = 'rate'): number {
  const match = /^(\d{1,9})\/(s|m|h)$/.exec(text);
  const perSecond = match ? Number(match[1]) / secondsPer[match[2] as keyof typeof secondsPer] : 0;
  if (perSecond > 0 && perSecond <= 10_000) return perSecond;
  throw new DroverError({
    code: 'usage',
    message: `${name} must be a rate up to 10000/s, for example 20/s or 600/m, got ${JSON.stringify(text)}`,
  });
}

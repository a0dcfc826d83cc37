import {DroverError} from '../errors/drover-error.js';
import type {PushRate} from './app.js';
import {parseByteSize} from './byte-size.js';

/** Slower than this is a slip of the unit: `20` where 20M was meant. */
const leastPerSecond = 1024;

/** `20M`, `20M/s` or `20MB/s` as bytes per second, at least 1K/s; sizes as `parseByteSize`. Throws `usage`; `name` begins the message. */
export function parseByteRate(text: string, name = 'rate'): number {
  const refuse = (): DroverError =>
    new DroverError({
      code: 'usage',
      message: `${name} must be bytes per second, at least 1K, for example 20M or 1GB/s, got ${JSON.stringify(text)}`,
    });
  let perSecond: number;
  try {
    perSecond = parseByteSize(text.replace(/\/s$/, ''), name);
  } catch {
    throw refuse();
  }
  if (perSecond < leastPerSecond) throw refuse();
  return perSecond;
}

/** As it is written in drover.yml: `20M/s`, `20MB/s`, `1500/s`. */
export function formatByteRate(perSecond: number): string {
  for (const [base, suffix] of [
    [1024, ''],
    [1000, 'B'],
  ] as const) {
    const power = [4, 3, 2, 1].find((exponent) => perSecond % base ** exponent === 0);
    if (power !== undefined) return `${perSecond / base ** power}${' KMGT'[power]}${suffix}/s`;
  }
  return `${perSecond}/s`;
}

/** `20M/s a host, 200M/s in all`; undefined when nothing is limited. */
export function describeRate({host, silo, run}: PushRate = {}): string | undefined {
  const limits = [
    host === undefined ? [] : [`${formatByteRate(host)} a host`],
    silo === undefined ? [] : [`${formatByteRate(silo)} a silo`],
    run === undefined ? [] : [`${formatByteRate(run)} in all`],
  ].flat();
  return limits.length === 0 ? undefined : limits.join(', ');
}

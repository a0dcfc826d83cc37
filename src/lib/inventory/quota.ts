import {DroverError} from '../errors/drover-error.js';
import type {Quota} from './app.js';

/** `3` (hosts) or `25%` (of a silo), 0..100 %. Throws `usage`; `name` begins the message. */
export function parseQuota(text: string, name = 'quota'): Quota {
  const match = /^(\d{1,6})(%?)$/.exec(text);
  const amount = Number(match?.[1]);
  if (match && match[2] === '') return {kind: 'count', count: amount};
  if (match && amount <= 100) return {kind: 'percent', percent: amount};
  throw new DroverError({code: 'usage', message: `${name} must be a count of hosts or 0%..100%, got ${JSON.stringify(text)}`});
}

/** `25%`, 0..100, as a number. Throws `usage`; `name` begins the message. */
export function parsePercent(text: string, name: string): number {
  const quota = /%$/.test(text) ? parseQuota(text, name) : undefined;
  if (quota?.kind === 'percent') return quota.percent;
  throw new DroverError({code: 'usage', message: `${name} must be 1%..100%, got ${JSON.stringify(text)}`});
}

/** As it is written in drover.yml. */
export function formatQuota(quota: Quota): string {
  return quota.kind === 'count' ? String(quota.count) : `${quota.percent}%`;
}

/**
 * The quota in whole hosts of a silo of `total`. A share is rounded as asked (floors go up, waves and budgets go down);
 * a count is returned as it is, also when it exceeds `total`.
 */
export function resolveQuota(quota: Quota, total: number, rounding: 'up' | 'down'): number {
  if (quota.kind === 'count') return quota.count;
  const share = (total * quota.percent) / 100;
  return rounding === 'up' ? Math.ceil(share) : Math.floor(share);
}

/** The floor of one silo in hosts. Throws `invalid-file` when the silo has fewer hosts than it promises. */
export function expectFloor({floor, silo, total}: {floor: Quota; silo: string; total: number}): number {
  const hosts = resolveQuota(floor, total, 'up');
  if (hosts <= total) return hosts;
  const counted = total === 1 ? 'the 1 host' : `the ${total} hosts`;
  throw new DroverError({
    code: 'invalid-file',
    message: `floor ${formatQuota(floor)} exceeds ${counted} of silo ${JSON.stringify(silo)}`,
    fix: 'lower it or add hosts',
  });
}

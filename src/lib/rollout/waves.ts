import type {WavePlan} from '../events/event.js';
import type {Quota} from '../inventory/app.js';

/**
 * Cuts the hosts that will change into waves: silo after silo in the order given, within each silo up to each quota in turn (shares round
 * up, so that a wave is never empty by rounding). Quotas that add no host make no wave.
 */
export function planWaves(hosts: readonly {readonly name: string; readonly silo: string}[], quotas: readonly Quota[]): readonly WavePlan[] {
  const silos = [...new Set(hosts.map((host) => host.silo))];
  return silos.flatMap((silo) => {
    const names = hosts.filter((host) => host.silo === silo).map((host) => host.name);
    let reached = 0;
    return quotas.flatMap((quota, index): readonly WavePlan[] => {
      const last = index === quotas.length - 1;
      const upTo = last ? names.length : Math.min(names.length, resolveUp(quota, names.length));
      const wave = names.slice(reached, upTo);
      reached = Math.max(reached, upTo);
      if (wave.length === 0) return [];
      return [{name: `${silo} ${describeQuota(quota, index)}`, silo, hosts: wave}];
    });
  });
}

/** As `planWaves`, for hosts that move role after role: the waves of one group end before those of the next begin. */
export function planOrderedWaves(
  groups: readonly {readonly role: string; readonly hosts: readonly {readonly name: string; readonly silo: string}[]}[],
  quotas: readonly Quota[],
): readonly WavePlan[] {
  return groups.flatMap(({role, hosts}) => planWaves(hosts, quotas).map((wave) => ({...wave, name: `${role} ${wave.name}`})));
}

function resolveUp(quota: Quota, total: number): number {
  return quota.kind === 'count' ? quota.count : Math.ceil((quota.percent * total) / 100);
}

function describeQuota(quota: Quota, index: number): string {
  if (index === 0) return 'canary';
  return quota.kind === 'count' ? `up to ${quota.count}` : `${quota.percent}%`;
}

/**
 * The floor of a silo in hosts. A share rounds down: 75 % of 2 keeps 1, so that a small silo can be deployed at all; it never exceeds
 * the silo less one, unless a count says so.
 */
export function resolveFloor(quota: Quota, total: number): number {
  if (quota.kind === 'count') return quota.count;
  return Math.min(Math.floor((quota.percent * total) / 100), Math.max(0, total - 1));
}

/**
 * Gives each wave its time: the first of every silo at once, then the second of every silo, `gapMs` later, and so on. Without a gap there is
 * one wave a silo, and all of them switch together.
 */
export function timeWaves(waves: readonly WavePlan[], gapMs: number): readonly WavePlan[] {
  const silos = [...new Set(waves.map((wave) => wave.silo))];
  if (gapMs === 0) {
    return silos.map((silo) => {
      const own = waves.filter((wave) => wave.silo === silo);
      return {name: `${silo} 100%`, silo, hosts: own.flatMap((wave) => wave.hosts), offsetMs: 0};
    });
  }
  const timed = silos.flatMap((silo) =>
    waves.filter((wave) => wave.silo === silo).map((wave, index) => ({...wave, offsetMs: index * gapMs})),
  );
  return timed.sort((one, other) => one.offsetMs - other.offsetMs);
}

import {DroverError} from '../errors/drover-error.js';
import type {App} from '../inventory/app.js';
import {formatDuration} from '../inventory/duration.js';
import type {RolloutPlan} from '../rollout/plan.js';
import {timeWaves} from '../rollout/waves.js';
import {formatInstant, openLeadMs} from './appointments.js';
import {restartSeconds} from './plan-rollout.js';

/** What `--at` asks for. */
export interface TimeRequest {
  /** Milliseconds since the epoch, whole seconds. */
  readonly timeMs: number;
  /** Between one wave and the next; 0: all hosts at once; undefined: as long as the gate of a wave may take. */
  readonly gapMs: number | undefined;
  readonly clockBoundMs: number;
}

/**
 * The same plan with a time for each wave. Whoever moves at one time leaves at one time: a wave in which hosts are taken out or restart must fit
 * the floor as a whole. Where hosts do neither a switch takes nobody out of rotation, and no floor counts.
 */
export function timePlan(plan: RolloutPlan, app: App, request: TimeRequest, sizes: ReadonlyMap<string, number>): RolloutPlan {
  if (plan.confirmMs === 0) {
    throw new DroverError({
      code: 'refused',
      message: `apps.${app.name}.roll.confirm is 0s: hosts that switch by themselves must be able to go back by themselves`,
      fix: 'give it a time, for example 5m',
    });
  }
  const gapMs = request.gapMs ?? Math.ceil(gateMs(plan, app) / 1000) * 1000;
  const waves = timeWaves(plan.waves, gapMs);
  const takesOut = plan.steps.includes('drain') || plan.steps.includes('restart');
  const wide = waves.find((wave) => takesOut && wave.hosts.length > (sizes.get(wave.silo) ?? 0) - (plan.floors[wave.silo] ?? 0));
  if (wide !== undefined) {
    const floor = plan.floors[wide.silo] ?? 0;
    const free = (sizes.get(wide.silo) ?? 0) - floor;
    const what = plan.steps.includes('drain') ? 'leave rotation' : 'restart';
    throw new DroverError({
      code: 'refused',
      message: `wave ${wide.name} has ${wide.hosts.length} hosts that ${what} at one time, and the floor of silo "${wide.silo}" (${floor}) lets ${free} go`,
      fix: `give apps.${app.name}.roll.waves steps of at most ${free} hosts, lower the floor, or deploy without --at`,
    });
  }
  return {
    ...plan,
    at: {time: formatInstant(request.timeMs), clockBoundMs: request.clockBoundMs},
    waves,
    floors: takesOut ? plan.floors : Object.fromEntries(Object.keys(plan.floors).map((silo) => [silo, 0])),
    steps: plan.steps.flatMap((step) => (step === 'switch' ? (['arm', step] as const) : [step])),
  };
}

/** The longest that a wave takes from its switch until the next one may stand ready. */
function gateMs(plan: RolloutPlan, app: App): number {
  const healthMs = plan.steps.includes('health') ? app.health.reduce((longest, probe) => Math.max(longest, probe.deadlineMs), 0) : 0;
  const warmMs = plan.steps.includes('warm') ? (app.warm?.deadlineMs ?? 0) : 0;
  const restartMs = plan.steps.includes('restart') ? restartSeconds * 1000 : 0;
  return healthMs + warmMs + restartMs + plan.soakMs + openLeadMs(app, plan.hosts.length) + 10_000;
}

/** A wave's time in words: `2026-01-01T00:00:00Z`, and `+1m` for one that comes later. */
export function describeOffset(offsetMs: number): string {
  return offsetMs === 0 ? 'at its time' : `+${formatDuration(offsetMs)}`;
}

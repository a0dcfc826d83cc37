import {createHash} from 'node:crypto';
import {DroverError} from '../errors/drover-error.js';
import type {RolloutPlan} from '../rollout/plan.js';

/** The plan of a push, left on hosts for `resume`. */
export interface PushPlan {
  readonly v: 1;
  readonly run: string;
  readonly command: 'push';
  readonly app: string;
  readonly operator: string;
  readonly snapshot: string;
  readonly hosts: readonly string[];
}

export type StoredPlan = RolloutPlan | PushPlan;

/** One line of JSON with sorted keys: the same plan gives the same text on any machine. */
export function renderPlan(plan: StoredPlan): string {
  return JSON.stringify(plan, (_key, value: unknown) => {
    if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

/** What two people compare: the digest of the plan without who runs it, which run it is, and who reviewed it. */
export function digestPlan(plan: RolloutPlan): string {
  const {review: _, ...rest} = plan;
  const text = renderPlan({...rest, run: '', operator: '', reason: ''});
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

/** Reads a plan that a host kept. Throws `integrity`: it was ours when it was written. */
export function parsePlan(text: string, host: string): StoredPlan {
  const damaged = (): DroverError =>
    new DroverError({code: 'integrity', message: `${host}: the plan kept on the host is damaged`, host, fix: 'roll back or deploy anew'});
  let plan: StoredPlan;
  try {
    plan = JSON.parse(text) as StoredPlan;
  } catch {
    throw damaged();
  }
  if (plan?.v !== 1 || typeof plan.run !== 'string' || !Array.isArray(plan.hosts)) throw damaged();
  if (plan.command !== 'push' && plan.command !== 'deploy' && plan.command !== 'rollback') throw damaged();
  return plan;
}

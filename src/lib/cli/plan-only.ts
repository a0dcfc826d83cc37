import type {RolloutPlan} from '../rollout/plan.js';

/** Thrown to end a run that was only meant to show its plan. */
export class PlanOnly extends Error {
  constructor(
    readonly plan: RolloutPlan,
    readonly text: string,
    /** What else machines are told of it. */
    readonly facts: Readonly<Record<string, unknown>> = {},
  ) {
    super('plan only');
  }
}

import {DroverError} from '../errors/drover-error.js';
import type {App} from '../inventory/app.js';
import {boundRollout} from '../operations/plan-rollout.js';
import {digestPlan} from '../operations/plan-text.js';
import type {FleetReport} from '../operations/read-fleet.js';
import type {RolloutPlan} from '../rollout/plan.js';
import {askToGoOn} from './ask.js';
import type {Conducted} from './conduct-run.js';
import {PlanOnly} from './plan-only.js';
import {describePlan} from './plan-text.js';
import {type WriteRequest, writePlan} from './write-plan.js';

/**
 * Shows the plan and asks, with everything else held back meanwhile. `planOnly` ends the run there, and so does `write`, with a plan file; `digest` must
 * match the plan when somebody looked at one before; what is `reviewed` as a file needs no further yes.
 */
export function approvePlan(
  conducted: Conducted,
  app: App,
  flags: {
    readonly yes: boolean;
    readonly planOnly: boolean;
    readonly digest?: string | undefined;
    readonly write?: WriteRequest;
    readonly reviewed?: boolean;
  },
): (plan: RolloutPlan, fleet: FleetReport) => Promise<boolean> {
  return async (plan, fleet) => {
    const {terminal, reporter, world} = conducted;
    const slowest = Math.max(0, ...world.inventory.hosts.map((host) => host.ssh.connectTimeoutMs));
    const text = describePlan(plan, boundRollout(plan, app, slowest), app.push?.rate);
    if (flags.write !== undefined) return writePlan(conducted, {app, plan, fleet}, flags.write);
    if (flags.planOnly) throw new PlanOnly(plan, text);
    const digest = digestPlan(plan);
    if (flags.digest !== undefined && flags.digest !== digest) {
      throw new DroverError({
        code: 'refused',
        message: `the plan is ${digest} now, not ${flags.digest}: the fleet or the settings moved since`,
        fix: 'look at the new plan with --plan-only',
      });
    }
    if (flags.digest !== undefined) return true;
    if (flags.reviewed === true) {
      process.stderr.write(text);
      await reporter.letGo();
      return true;
    }
    if (!flags.yes) reporter.hold();
    try {
      process.stderr.write(text);
      return await askToGoOn('go on?', {yes: flags.yes, mayAsk: terminal.mayAsk, signal: world.signal});
    } finally {
      await reporter.letGo();
    }
  };
}

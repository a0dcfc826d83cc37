import {Flags} from '@oclif/core';
import {DroverError} from '../errors/drover-error.js';
import type {MoveStep} from '../rollout/plan.js';

/** Each safety that can be left out has a flag of its own and wants a reason; there is no flag for all. */
export const skipFlags = {
  'skip-warm': Flags.boolean({description: 'admit hosts with cold caches; wants --reason', helpGroup: 'EMERGENCY'}),
  'skip-health': Flags.boolean({
    description: 'admit hosts without asking whether they are healthy; wants --reason',
    helpGroup: 'EMERGENCY',
  }),
};

export function readSkips(flags: {
  readonly 'skip-warm': boolean;
  readonly 'skip-health': boolean;
  readonly reason: string;
}): ReadonlySet<MoveStep> {
  const skips = new Set<MoveStep>();
  if (flags['skip-warm']) skips.add('warm');
  if (flags['skip-health']) skips.add('health');
  if (skips.size > 0 && flags.reason.trim() === '') {
    throw new DroverError({code: 'refused', message: `--skip-${[...skips][0]} wants a reason for the record`, fix: 'add --reason "…"'});
  }
  return skips;
}

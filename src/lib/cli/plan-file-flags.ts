import {Flags} from '@oclif/core';
import {DroverError} from '../errors/drover-error.js';
import {formatDuration} from '../inventory/duration.js';
import {longestPlanMs} from '../operations/make-plan-file.js';
import {type ReadPlan, readPlanFile} from './read-plan-file.js';
import {duration} from './shared-flags.js';

const dayMs = 86_400_000;

export const signingFlags = {
  key: Flags.string({
    description: 'private SSH key to sign with, or a public one that the agent holds [default: the one in ~/.ssh]',
    helpValue: 'FILE',
    env: 'DROVER_SIGNING_KEY',
    helpGroup: 'REVIEW',
  }),
};

export const planFileFlags = {
  ...signingFlags,
  'plan-only': Flags.boolean({description: 'show the plan and its digest, change nothing', helpGroup: 'RUN'}),
  'plan-out': Flags.string({
    description: 'write the plan to this file, to be reviewed; change nothing',
    helpValue: 'FILE',
    helpGroup: 'REVIEW',
  }),
  expires: duration({description: 'with --plan-out: how long the plan holds [default: 24h]', helpValue: 'DURATION', helpGroup: 'REVIEW'}),
  plan: Flags.string({
    description: 'carry this plan file out (- for standard input), or go on only if the plan has this digest',
    helpValue: 'FILE|DIGEST',
    helpGroup: 'REVIEW',
  }),
  approval: Flags.string({
    description: 'signature of an approver [default: FILE.sig-* beside the plan]; may be repeated',
    multiple: true,
    helpValue: 'FILE',
    helpGroup: 'REVIEW',
  }),
};

export interface PlanFileFlags {
  readonly key?: string | undefined;
  readonly 'plan-only': boolean;
  readonly 'plan-out'?: string | undefined;
  readonly expires?: number | undefined;
  readonly plan?: string | undefined;
  readonly approval?: readonly string[] | undefined;
}

/** What `--plan` names: a plan file that was read, or a digest to compare. */
export type PlanChoice =
  | {readonly kind: 'none'}
  | {readonly kind: 'digest'; readonly digest: string}
  | {readonly kind: 'file'; readonly read: ReadPlan};

/** Reads what `--plan` names, after a look at the flags around it. Throws `usage`, and what `readPlanFile` throws. */
export async function choosePlan(flags: PlanFileFlags, signal: AbortSignal): Promise<PlanChoice> {
  const {plan, expires, approval, 'plan-out': out, 'plan-only': only} = flags;
  if (expires !== undefined && out === undefined) usage('--expires means nothing without --plan-out', 'write the plan with --plan-out');
  if (expires !== undefined && (expires < 60_000 || expires > longestPlanMs))
    usage(`--expires must be 1m to ${formatDuration(longestPlanMs)}, got ${formatDuration(expires)}`);
  if (plan !== undefined && (out !== undefined || only))
    usage('--plan goes on with a plan, --plan-out and --plan-only make one', 'use one of them');
  const isDigest = plan !== undefined && /^[0-9a-f]{16}$/.test(plan);
  if (approval !== undefined && (plan === undefined || isDigest)) usage('--approval means nothing without --plan FILE', 'name the plan');
  if (plan === undefined) return {kind: 'none'};
  return isDigest ? {kind: 'digest', digest: plan} : {kind: 'file', read: await readPlanFile(plan, process.stdin, signal)};
}

/** How long a plan that is made now is to hold, in milliseconds. */
export function holdsMs(flags: PlanFileFlags): number {
  return flags.expires ?? dayMs;
}

/** A plan file names its hosts and how they go: flags that say the same are refused, since one of the two would be passed over. Throws `usage`. */
export function refuseBeside(given: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || value === false) continue;
    usage(`--plan FILE names what happens to which hosts; ${name} means nothing beside it`, 'leave it out, or make a new plan');
  }
}

function usage(message: string, fix?: string): never {
  throw new DroverError({code: 'usage', message, ...(fix === undefined ? {} : {fix})});
}

import {DroverError} from '../errors/drover-error.js';
import type {App} from '../inventory/app.js';
import {openAppBalancer} from '../operations/app-balancer.js';
import type {DeployOptions} from '../operations/deploy-app.js';
import type {RunEnd} from '../operations/run-end.js';
import type {World} from '../operations/world.js';
import type {Answer} from './answer.js';
import {approvePlan} from './approve-plan.js';
import {conductRun, type RunFlags} from './conduct-run.js';
import type {Loaded, SelectionFlags} from './load-project.js';
import {holdsMs, type PlanChoice, type PlanFileFlags, refuseBeside} from './plan-file-flags.js';
import type {ReadPlan} from './read-plan-file.js';

export type ChangeFlags = SelectionFlags &
  RunFlags &
  PlanFileFlags & {
    readonly yes: boolean;
    readonly 'ignore-embargo': boolean;
    readonly 'past-contract': boolean;
    readonly 'allow-pinned'?: string | undefined;
    readonly 'wait-lease'?: number | undefined;
  };

/** What an operation that changes hosts by a plan gets besides what was chosen. */
type Means = Pick<DeployOptions, 'balancer' | 'approve' | 'waitLeaseMs'>;

/** Conducts a deploy or a rollback of one app, whose plan is shown, compared with a digest, written to a file, or comes from one. */
export async function conductChange(request: {
  readonly command: 'deploy' | 'rollback';
  readonly loaded: Loaded;
  readonly app: App;
  readonly reason: string;
  readonly flags: ChangeFlags;
  readonly choice: PlanChoice;
  /** Of a timed deploy: between one wave and the next, as it was asked for. */
  readonly gapMs?: number | undefined;
  readonly env: NodeJS.ProcessEnv;
  readonly work: (world: World, means: Means) => Promise<RunEnd>;
}): Promise<Answer> {
  const {command, loaded, app, reason, flags, choice, gapMs, env, work} = request;
  const out = flags['plan-out'];
  const write = out === undefined ? {} : {write: {out, holdsMs: holdsMs(flags), gapMs, key: flags.key}};
  return conductRun({
    ...{command, project: loaded.project, inventory: loaded.inventory, env},
    flags: {...flags, reason},
    quietUntilApproved: !flags.yes || choice.kind === 'file',
    work: (conducted) =>
      work(conducted.world, {
        balancer: openAppBalancer(conducted.world, app),
        waitLeaseMs: flags['wait-lease'] ?? 0,
        approve: approvePlan(conducted, app, {
          yes: flags.yes,
          planOnly: flags['plan-only'],
          digest: choice.kind === 'digest' ? choice.digest : undefined,
          reviewed: choice.kind === 'file',
          ...write,
        }),
      }),
  });
}

/** The safeties that both commands can leave out, by the names of their flags. */
export function listUnsafe(flags: ChangeFlags): readonly string[] {
  const given = {'ignore-embargo': flags['ignore-embargo'], 'past-contract': flags['past-contract'], 'allow-pinned': flags['allow-pinned']};
  return Object.entries(given).flatMap(([name, value]) => (value === undefined || value === false ? [] : [name]));
}

/** A plan file is for one command, and names hosts and safeties by itself. Throws `usage`, `refused`. */
export function refuseOtherPlan(command: 'deploy' | 'rollback', {file, name, path}: ReadPlan, flags: ChangeFlags): void {
  const {hosts, silo, role, exclude, limit, all} = flags;
  refuseBeside({'--hosts': hosts, '--silo': silo, '--role': role, '--exclude': exclude, '--limit': limit, '--all': all});
  refuseBeside({
    '--ignore-embargo': flags['ignore-embargo'],
    '--allow-pinned': flags['allow-pinned'],
    '--past-contract': flags['past-contract'],
  });
  const planned = file.rollout.command;
  if (planned === command) return;
  throw new DroverError({code: 'refused', message: `${name} is a plan to ${planned}`, fix: `drover ${planned} --plan ${path ?? '-'}`});
}

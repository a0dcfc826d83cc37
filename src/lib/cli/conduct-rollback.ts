import {DroverError} from '../errors/drover-error.js';
import {parseRunId} from '../events/run-id.js';
import {openAppBalancer} from '../operations/app-balancer.js';
import {type RollbackOptions, rollbackApp} from '../operations/rollback-app.js';
import type {Answer} from './answer.js';
import {approvePlan} from './approve-plan.js';
import {conductRun, type RunFlags} from './conduct-run.js';
import {readContractFlag} from './contract-flags.js';
import {readEmbargoFlag} from './embargo-flags.js';
import {chooseApp, chooseHosts, type Loaded, loadBoth, type ProjectFlags, type SelectionFlags} from './load-project.js';
import {openStore} from './open-store.js';
import {readPinFlag} from './pin-flags.js';
import {choosePlan, holdsMs, type PlanFileFlags, refuseBeside} from './plan-file-flags.js';
import type {ReadPlan} from './read-plan-file.js';
import {readReleasePrefix} from './release-prefix.js';
import {chooseAppOfPlan, chooseHostsOfPlan} from './review-plan.js';

export type RollbackFlags = ProjectFlags &
  SelectionFlags &
  RunFlags &
  PlanFileFlags & {
    readonly yes: boolean;
    readonly to?: string | undefined;
    readonly takeover?: string | undefined;
    readonly 'ignore-embargo': boolean;
    readonly 'past-contract': boolean;
    readonly 'allow-pinned'?: string | undefined;
    readonly 'wait-lease'?: number | undefined;
  };

type Chosen = Pick<RollbackOptions, 'app' | 'hosts' | 'to' | 'ignoreEmbargo' | 'pastContract' | 'unsafe' | 'reviewed'> & {
  readonly reason: string;
};

/** `drover rollback`. The way back waits for nobody: no policy asks for approvals of it. */
export async function conductRollback(appName: string | undefined, flags: RollbackFlags, env: NodeJS.ProcessEnv): Promise<Answer> {
  const signal = AbortSignal.timeout(120_000);
  const choice = await choosePlan(flags, signal);
  const takeover = readTakeover(flags);
  const loadFiles = (): Promise<Loaded> => loadBoth(flags, env, signal);
  const {project, inventory, chosen} =
    choice.kind === 'file' ? await readFile(appName, flags, choice.read, loadFiles) : await readFlags(appName, flags, loadFiles);
  const {reason, ...options} = chosen;
  const write =
    flags['plan-out'] === undefined ? undefined : {out: flags['plan-out'], holdsMs: holdsMs(flags), gapMs: undefined, key: flags.key};
  return conductRun({
    command: 'rollback',
    project,
    inventory,
    flags: {...flags, reason},
    env,
    quietUntilApproved: !flags.yes || choice.kind === 'file',
    work: (conducted) =>
      rollbackApp(conducted.world, {
        ...options,
        openStore: () => openStore(project),
        balancer: openAppBalancer(conducted.world, chosen.app),
        waitLeaseMs: flags['wait-lease'] ?? 0,
        ...(takeover === undefined ? {} : {takeover}),
        approve: approvePlan(conducted, chosen.app, {
          yes: flags.yes,
          planOnly: flags['plan-only'],
          digest: choice.kind === 'digest' ? choice.digest : undefined,
          reviewed: choice.kind === 'file',
          ...(write === undefined ? {} : {write}),
        }),
      }),
  });
}

function readTakeover(flags: RollbackFlags): string | undefined {
  const {takeover: run, reason} = flags;
  if (run === undefined) return undefined;
  parseRunId(run);
  if (flags['plan-only'] || flags['plan-out'] !== undefined)
    throw new DroverError({
      code: 'usage',
      message: '--takeover ends leases, and a plan that is only made changes nothing',
      fix: 'leave one of them out',
    });
  if (reason.trim() === '')
    throw new DroverError({code: 'refused', message: '--takeover wants a reason for the record', fix: 'add --reason "…"'});
  return run;
}

async function readFlags(
  appName: string | undefined,
  flags: RollbackFlags,
  load: () => Promise<Loaded>,
): Promise<Loaded & {readonly chosen: Chosen}> {
  const to = readReleasePrefix(flags.to);
  const ignoreEmbargo = readEmbargoFlag(flags);
  const pastContract = readContractFlag(flags);
  const pinReason = readPinFlag(flags);
  const loaded = await load();
  const app = chooseApp(loaded.project, appName);
  const hosts = chooseHosts(loaded.inventory, flags, app);
  const unsafe = [
    ...(ignoreEmbargo ? ['ignore-embargo'] : []),
    ...(pastContract ? ['past-contract'] : []),
    ...(pinReason === undefined ? [] : ['allow-pinned']),
    ...(flags.takeover === undefined ? [] : ['takeover']),
  ];
  return {
    ...loaded,
    chosen: {app, to, hosts, ignoreEmbargo, pastContract, unsafe, reason: flags.reason === '' ? (pinReason ?? '') : flags.reason},
  };
}

async function readFile(
  appName: string | undefined,
  flags: RollbackFlags,
  read: ReadPlan,
  load: () => Promise<Loaded>,
): Promise<Loaded & {readonly chosen: Chosen}> {
  const {hosts: names, silo, role, exclude, limit, all, to} = flags;
  refuseBeside({'--hosts': names, '--silo': silo, '--role': role, '--exclude': exclude, '--limit': limit, '--all': all, '--to': to});
  refuseBeside({'--ignore-embargo': flags['ignore-embargo'], '--allow-pinned': flags['allow-pinned'], '--takeover': flags.takeover});
  refuseBeside({'--past-contract': flags['past-contract']});
  const {rollout, reason} = read.file;
  if (rollout.command !== 'rollback')
    throw new DroverError({
      code: 'refused',
      message: `${read.name} is a plan to ${rollout.command}`,
      fix: `drover ${rollout.command} --plan ${read.path ?? '-'}`,
    });
  const {project, inventory} = await load();
  const app = chooseAppOfPlan(project, read, appName);
  const {unsafe = []} = rollout;
  return {
    project,
    inventory,
    chosen: {
      ...{app, to: undefined, hosts: chooseHostsOfPlan(inventory, app, read), unsafe, ignoreEmbargo: unsafe.includes('ignore-embargo')},
      pastContract: unsafe.includes('past-contract'),
      ...{reviewed: {file: read.file, approvedBy: []}, reason: flags.reason === '' ? reason : flags.reason},
    },
  };
}

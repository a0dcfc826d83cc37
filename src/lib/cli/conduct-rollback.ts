import {DroverError} from '../errors/drover-error.js';
import {parseRunId} from '../events/run-id.js';
import {type RollbackOptions, rollbackApp} from '../operations/rollback-app.js';
import type {Answer} from './answer.js';
import {type ChangeFlags, conductChange, listUnsafe, refuseOtherPlan} from './conduct-change.js';
import {readContractFlag} from './contract-flags.js';
import {readEmbargoFlag} from './embargo-flags.js';
import {chooseApp, chooseHosts, type Loaded, loadBoth, type ProjectFlags} from './load-project.js';
import {openStore} from './open-store.js';
import {readPinFlag} from './pin-flags.js';
import {choosePlan, refuseBeside} from './plan-file-flags.js';
import type {ReadPlan} from './read-plan-file.js';
import {readReleasePrefix} from './release-prefix.js';
import {chooseAppOfPlan, chooseHostsOfPlan} from './review-plan.js';

export type RollbackFlags = ProjectFlags & ChangeFlags & {readonly to?: string | undefined; readonly takeover?: string | undefined};

type Chosen = Pick<RollbackOptions, 'app' | 'hosts' | 'to' | 'ignoreEmbargo' | 'pastContract' | 'unsafe' | 'reviewed'> & {
  readonly reason: string;
};

/** `drover rollback`. The way back waits for nobody: no policy asks for approvals of it. */
export async function conductRollback(appName: string | undefined, flags: RollbackFlags, env: NodeJS.ProcessEnv): Promise<Answer> {
  const signal = AbortSignal.timeout(120_000);
  const choice = await choosePlan(flags, signal);
  const takeover = readTakeover(flags);
  const loadFiles = (): Promise<Loaded> => loadBoth(flags, env, signal);
  const loaded =
    choice.kind === 'file' ? await readFile(appName, flags, choice.read, loadFiles) : await readFlags(appName, flags, loadFiles);
  const {reason, ...options} = loaded.chosen;
  return conductChange({
    ...{command: 'rollback', loaded, app: options.app, reason, flags, choice, env},
    work: (world, means) =>
      rollbackApp(world, {...options, ...means, openStore: () => openStore(loaded.project), ...(takeover === undefined ? {} : {takeover})}),
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
  const unsafe = [...listUnsafe(flags), ...(flags.takeover === undefined ? [] : ['takeover'])];
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
  refuseBeside({'--to': flags.to, '--takeover': flags.takeover});
  refuseOtherPlan('rollback', read, flags);
  const {rollout, reason} = read.file;
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

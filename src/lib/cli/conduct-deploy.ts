import {DroverError} from '../errors/drover-error.js';
import {quoteWord} from '../errors/shell-word.js';
import type {App} from '../inventory/app.js';
import {type DeployOptions, deployApp} from '../operations/deploy-app.js';
import type {Answer} from './answer.js';
import {type ChangeFlags, conductChange, listUnsafe, refuseOtherPlan} from './conduct-change.js';
import {readContractFlag} from './contract-flags.js';
import {readEmbargoFlag} from './embargo-flags.js';
import {chooseAppAndSnapshot, chooseHosts, type Loaded, loadBoth, type ProjectFlags} from './load-project.js';
import {openStore} from './open-store.js';
import {readPinFlag} from './pin-flags.js';
import {choosePlan, refuseBeside} from './plan-file-flags.js';
import type {ReadPlan} from './read-plan-file.js';
import {chooseAppOfPlan, chooseHostsOfPlan, reviewPlan} from './review-plan.js';
import {readSkips} from './skip-flags.js';
import {readTimeFlags} from './time-flags.js';
import {adjustApp, type TransferFlags} from './transfer-flags.js';

export type DeployFlags = ProjectFlags &
  ChangeFlags &
  TransferFlags & {
    readonly 'skip-warm': boolean;
    readonly 'skip-health': boolean;
    readonly 'without-approval': boolean;
    readonly at?: string | undefined;
    readonly 'wave-gap'?: number | undefined;
    readonly 'clock-bound'?: number | undefined;
  };

interface DeployWords {
  readonly app?: string | undefined;
  readonly snapshot?: string | undefined;
}

/** What of a deploy comes from the command line, or from a plan file in its place. */
type Chosen = Omit<DeployOptions, 'store' | 'balancer' | 'approve' | 'waitLeaseMs'> & {readonly reason: string};

/** `drover deploy`. `argv`: the words as they were typed, for the commands that a refusal names. */
export async function conductDeploy(
  words: DeployWords,
  flags: DeployFlags,
  env: NodeJS.ProcessEnv,
  argv: readonly string[],
): Promise<Answer> {
  const signal = AbortSignal.timeout(120_000);
  const choice = await choosePlan(flags, signal);
  const loadFiles = (): Promise<Loaded> => loadBoth(flags, env, signal);
  const loaded =
    choice.kind === 'file'
      ? await readFile(words, flags, choice.read, {loadFiles, env, signal})
      : await readFlags(words, flags, loadFiles, argv);
  const {reason, ...options} = loaded.chosen;
  const store = openStore(loaded.project);
  if (flags['plan-out'] !== undefined && options.snapshot !== 'latest') await store.resolve(options.app.name, options.snapshot);
  return conductChange({
    ...{command: 'deploy', loaded, app: options.app, reason, flags, choice, gapMs: options.at?.gapMs, env},
    work: (world, means) => deployApp(world, {...options, ...means, store}),
  });
}

async function readFlags(
  words: DeployWords,
  flags: DeployFlags,
  load: () => Promise<Loaded>,
  argv: readonly string[],
): Promise<Loaded & {readonly chosen: Chosen}> {
  const skip = readSkips(flags);
  const pinReason = readPinFlag(flags);
  const ignoreEmbargo = readEmbargoFlag(flags);
  const pastContract = readContractFlag(flags);
  const at = readTimeFlags(flags);
  const loaded = await load();
  const {app: named, snapshot = 'latest'} = chooseAppAndSnapshot(loaded.project, words.app, words.snapshot);
  const withoutApproval = readEmergency(named, flags, argv);
  const app = adjustApp(named, flags);
  const unsafe = [...[...skip].map((step) => `skip-${step}`), ...listUnsafe(flags), ...(withoutApproval ? ['without-approval'] : [])];
  const reason = flags.reason === '' ? (pinReason ?? '') : flags.reason;
  const hosts = chooseHosts(loaded.inventory, flags, app);
  return {...loaded, chosen: {app, snapshot, hosts, skip, ignoreEmbargo, pastContract, unsafe, reason, ...(at === undefined ? {} : {at})}};
}

/** A deploy of what others must have approved goes by a plan file, or, where the policy allows that, without one for a reason. */
function readEmergency(app: App, flags: DeployFlags, argv: readonly string[]): boolean {
  const {review} = app;
  const approvals = review?.approvals ?? 0;
  const changesNothing = flags['plan-only'] || flags['plan-out'] !== undefined;
  if (!flags['without-approval']) {
    if (approvals === 0 || changesNothing) return false;
    const typed = argv.filter((word) => word !== '-y' && word !== '--yes').map(quoteWord);
    throw new DroverError({
      code: 'refused',
      message: `a deploy of "${app.name}" wants ${approvals} ${approvals === 1 ? 'approval' : 'approvals'}`,
      fix: `type: drover deploy ${[...typed, '--plan-out plan.json'].join(' ')}; then each approver: drover approve plan.json; then: drover deploy --plan plan.json`,
    });
  }
  if (approvals === 0)
    throw new DroverError({code: 'usage', message: `--without-approval means nothing: a deploy of "${app.name}" wants none`});
  if (review?.emergency !== true) {
    throw new DroverError({
      code: 'refused',
      message: `the policy of "${app.name}" allows no deploy without approval`,
      fix: 'make a plan with --plan-out and have it approved',
    });
  }
  if (flags.reason.trim() === '')
    throw new DroverError({code: 'refused', message: '--without-approval wants a reason for the record', fix: 'add --reason "…"'});
  return true;
}

async function readFile(
  words: DeployWords,
  flags: DeployFlags,
  read: ReadPlan,
  {loadFiles, env, signal}: {readonly loadFiles: () => Promise<Loaded>; readonly env: NodeJS.ProcessEnv; readonly signal: AbortSignal},
): Promise<Loaded & {readonly chosen: Chosen}> {
  refuseBeside({SNAPSHOT: words.snapshot, '--at': flags.at, '--wave-gap': flags['wave-gap'], '--clock-bound': flags['clock-bound']});
  refuseBeside({
    '--skip-warm': flags['skip-warm'],
    '--skip-health': flags['skip-health'],
    '--without-approval': flags['without-approval'],
  });
  refuseOtherPlan('deploy', read, flags);
  const {rollout, gapMs, reason} = read.file;
  const {project, inventory} = await loadFiles();
  const app = adjustApp(chooseAppOfPlan(project, read, words.app), flags);
  const hosts = chooseHostsOfPlan(inventory, app, read);
  const reviewed = await reviewPlan(app, read, {approvals: flags.approval, env, signal});
  const {at, unsafe = []} = rollout;
  const left = (['warm', 'health'] as const).filter((step) => unsafe.includes(`skip-${step}`));
  return {
    project,
    inventory,
    chosen: {
      ...{app, hosts, reviewed, unsafe, skip: new Set(left), ignoreEmbargo: unsafe.includes('ignore-embargo')},
      pastContract: unsafe.includes('past-contract'),
      snapshot: rollout.snapshot ?? rollout.hosts[0]?.to ?? '',
      reason: flags.reason === '' ? reason : flags.reason,
      ...(at === undefined ? {} : {at: {timeMs: Date.parse(at.time), gapMs: gapMs ?? undefined, clockBoundMs: at.clockBoundMs}}),
    },
  };
}

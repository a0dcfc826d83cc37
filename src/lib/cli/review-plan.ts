import {readdir} from 'node:fs/promises';
import path from 'node:path';
import {DroverError} from '../errors/drover-error.js';
import type {App, Project} from '../inventory/app.js';
import type {Host, Inventory} from '../inventory/host.js';
import {inspectFile, showPath} from '../inventory/text-file.js';
import {judgeApprovals, type SignatureFile} from '../operations/judge-approvals.js';
import {approvalText, type PlanFile} from '../operations/plan-file.js';
import {hostsOfApp} from '../operations/plan-rollout.js';
import type {ReviewedPlan} from '../operations/reviewed-plan.js';
import type {ReadPlan} from './read-plan-file.js';
import {checkSignature, type SignatureUse} from './ssh-signature.js';

/** More signatures than that are no review. */
const mostSignatures = 50;

/** Where the author's own signature of a plan file lies. */
export function authorSignature(plan: string): string {
  return `${plan}.author`;
}

/** Where somebody's approval of a plan file lies. */
export function approvalSignature(plan: string, who: string): string {
  return `${plan}.sig-${who.replace(/[^A-Za-z0-9._@-]/g, '_')}`;
}

/** The app of a plan, by the project; an app named on the command line must be that one. Throws `refused`. */
export function chooseAppOfPlan(project: Project, {file, name}: ReadPlan, named: string | undefined): App {
  const wanted = file.rollout.app;
  const refuse = (message: string): never => {
    throw new DroverError({code: 'refused', message, fix: 'name the plan of this app, or another project with --config'});
  };
  if (named !== undefined && named !== wanted) refuse(`${name} is for app "${wanted}", this is "${named}"`);
  const app = [...project.apps.values()].find((each) => each.name === wanted);
  return app ?? refuse(`${name} is for app "${wanted}", which ${path.basename(project.file)} does not have`);
}

/** The hosts of a plan, in its order. Throws `refused` for one that the inventory does not give the app. */
export function chooseHostsOfPlan(inventory: Inventory, app: App, {file, name}: ReadPlan): readonly Host[] {
  const members = hostsOfApp(inventory, app);
  return file.rollout.hosts.map((planned) => {
    const host = members.find((each) => each.name === planned.name);
    if (host !== undefined) return host;
    throw new DroverError({
      code: 'refused',
      message: `${name} is for ${file.inventory.name}, and ${path.basename(inventory.file)} has no host ${planned.name} for app "${app.name}"`,
      fix: 'name the inventory with -i, or make a new plan',
    });
  });
}

interface ReviewOptions {
  readonly approvals: readonly string[] | undefined;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
}

/** Verifies who made and who approved a plan, against the policy of the project alone. Throws `refused`, before any host is asked. */
export async function reviewPlan(app: App, read: ReadPlan, options: ReviewOptions): Promise<ReviewedPlan> {
  const {file} = read;
  const {review} = app;
  if (review === undefined || review.approvals === 0) return {file, approvedBy: []};
  const {allowedSigners} = review;
  if (allowedSigners !== undefined) {
    await inspectFile(allowedSigners, {
      what: 'allowed_signers',
      createWith: 'write one line for each person: NAME KEYTYPE KEY',
      signal: options.signal,
    });
  }
  const check = async (signature: string, use: SignatureUse): Promise<SignatureFile> => ({
    name: showPath(signature),
    verdict: await checkFile(signature, file, {...options, use, allowedSigners}),
  });
  const signatures = options.approvals ?? (await listApprovals(read));
  if (signatures.length > mostSignatures)
    throw new DroverError({
      code: 'refused',
      message: `${read.name} has ${signatures.length} signatures, more than ${mostSignatures}`,
      fix: 'remove those that do not count',
    });
  const author = read.path === undefined ? options.approvals?.find((each) => each.endsWith('.author')) : authorSignature(read.path);
  return {
    file,
    approvedBy: judgeApprovals(review, {
      author: author === undefined || !(await isThere(author)) ? undefined : await check(author, 'drover-plan-author'),
      approvals: await Promise.all(signatures.filter((each) => each !== author).map((each) => check(each, 'drover-plan'))),
    }),
  };
}

async function checkFile(
  signature: string,
  file: PlanFile,
  options: Parameters<typeof checkSignature>[2],
): Promise<SignatureFile['verdict']> {
  const {bytes} = await inspectFile(signature, {what: 'signature', createWith: 'see: drover approve', signal: options.signal});
  if (bytes > 65_536) return {kind: 'unreadable', why: `it has ${bytes} bytes`};
  return checkSignature(signature, approvalText(file), options);
}

async function isThere(file: string): Promise<boolean> {
  const names = await readdir(path.dirname(file)).catch((): string[] => []);
  return names.includes(path.basename(file));
}

async function listApprovals({path: plan}: ReadPlan): Promise<readonly string[]> {
  if (plan === undefined) return [];
  const names = await readdir(path.dirname(plan));
  const own = names.filter((name) => name.startsWith(`${path.basename(plan)}.sig-`)).sort();
  return own.map((name) => path.join(path.dirname(plan), name));
}

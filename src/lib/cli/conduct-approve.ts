import {existsSync} from 'node:fs';
import {mkdtemp, rename, rm, writeFile} from 'node:fs/promises';
import {hostname, userInfo} from 'node:os';
import path from 'node:path';
import {DroverError} from '../errors/drover-error.js';
import type {App} from '../inventory/app.js';
import {loadProject} from '../inventory/project-file.js';
import {showPath} from '../inventory/text-file.js';
import {approvalText, type PlanFile} from '../operations/plan-file.js';
import type {Answer} from './answer.js';
import {askToGoOn} from './ask.js';
import {listenForInterrupt} from './interrupt.js';
import {describePlanFile} from './plan-file-text.js';
import {readPlanFile} from './read-plan-file.js';
import {approvalSignature, authorSignature, chooseAppOfPlan} from './review-plan.js';
import {checkSignature, chooseSigningKey, signText} from './ssh-signature.js';
import {inspectTerminal} from './terminal.js';

export interface ApproveFlags {
  readonly config: string;
  readonly key?: string | undefined;
  readonly as?: string | undefined;
  readonly yes: boolean;
}

/**
 * `drover approve FILE`: shows what the file says, asks, and signs its digest. Where the project is at hand, a signature that could not count is
 * refused; without it the file alone is enough.
 */
export async function conductApprove(words: string, flags: ApproveFlags, env: NodeJS.ProcessEnv): Promise<Answer> {
  const interrupt = listenForInterrupt(() => undefined);
  const signal = interrupt.interrupted;
  try {
    const read = await readPlanFile(words, process.stdin, signal);
    const {file} = read;
    const plan = read.path;
    if (plan === undefined)
      throw new DroverError({
        code: 'usage',
        message: 'a plan on standard input has no place for a signature beside it',
        fix: 'name a file',
      });
    if (Date.parse(file.expires) <= Date.now())
      throw new DroverError({code: 'refused', message: `${read.name} held until ${file.expires}`, fix: 'make a new plan'});
    const key = chooseSigningKey(flags.key, env);
    const app = existsSync(flags.config) ? chooseAppOfPlan(await loadProject(flags.config, {signal}), read, undefined) : undefined;
    process.stderr.write(describePlanFile(file));
    const {mayAsk} = inspectTerminal(env);
    if (!(await askToGoOn('approve this?', {yes: flags.yes, mayAsk, signal})))
      throw new DroverError({code: 'refused', message: 'not approved; nothing was signed'});
    const signature = await signText(approvalText(file), {key, use: 'drover-plan', env, signal});
    const written = await placeSignature(plan, signature, {file, app, as: flags.as, env, signal});
    const text = `approved by ${written.who} with ${written.key}: wrote ${showPath(written.place)}\n`;
    const json = {schemaVersion: 1, plan, digest: file.digest, approvedBy: written.who, key: written.key, signature: written.place};
    return {text, json, exit: 0};
  } finally {
    interrupt.dispose();
  }
}

interface Placing {
  readonly file: PlanFile;
  readonly app: App | undefined;
  readonly as: string | undefined;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
}

/** Checks a signature as whoever carries the plan out will, and puts it beside the plan by one rename. */
async function placeSignature(
  plan: string,
  signature: string,
  {file, app, as, env, signal}: Placing,
): Promise<{readonly who: string; readonly key: string; readonly place: string}> {
  const folder = await mkdtemp(path.join(path.dirname(plan), '.approve-'));
  try {
    const draft = path.join(folder, 'signature');
    await writeFile(draft, signature);
    const policy = app?.review;
    const check = {allowedSigners: policy?.allowedSigners, env, signal};
    const verdict = await checkSignature(draft, approvalText(file), {...check, use: 'drover-plan'});
    if (verdict.kind !== 'good' && verdict.kind !== 'stranger')
      throw new Error(`ssh-keygen does not know its own signature: ${verdict.kind}`);
    if (policy !== undefined && policy.approvals > 0) {
      if (verdict.kind === 'stranger')
        refuse(
          `key ${verdict.key} is nobody's in ${showPath(policy.allowedSigners ?? '')}`,
          'have your key added, or name another with --key',
        );
      const author = authorSignature(plan);
      const maker = existsSync(author)
        ? await checkSignature(author, approvalText(file), {...check, use: 'drover-plan-author'})
        : undefined;
      if (!policy.authorMayApprove && maker?.kind === 'good' && maker.key === verdict.key)
        refuse('you made this plan, and the policy wants somebody else to approve it', 'ask a colleague');
    }
    const who = as ?? (verdict.kind === 'good' ? verdict.principals[0] : undefined) ?? `${userInfo().username}@${hostname()}`;
    const place = approvalSignature(plan, who);
    await rename(draft, place);
    return {who, key: verdict.key, place};
  } finally {
    await rm(folder, {recursive: true, force: true});
  }
}

function refuse(message: string, fix: string): never {
  throw new DroverError({code: 'refused', message, fix});
}

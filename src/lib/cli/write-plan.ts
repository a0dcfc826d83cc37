import {randomBytes} from 'node:crypto';
import {writeFile} from 'node:fs/promises';
import {DroverError} from '../errors/drover-error.js';
import type {App} from '../inventory/app.js';
import {showPath} from '../inventory/text-file.js';
import {makePlanFile} from '../operations/make-plan-file.js';
import {approvalText, renderPlanFile} from '../operations/plan-file.js';
import type {FleetReport} from '../operations/read-fleet.js';
import type {RolloutPlan} from '../rollout/plan.js';
import type {Conducted} from './conduct-run.js';
import {describePlanFile} from './plan-file-text.js';
import {PlanOnly} from './plan-only.js';
import {authorSignature} from './review-plan.js';
import {chooseSigningKey, signText} from './ssh-signature.js';

export interface WriteRequest {
  /** Where to; a file that is there is never written over. */
  readonly out: string;
  readonly holdsMs: number;
  readonly gapMs: number | undefined;
  readonly key: string | undefined;
}

/**
 * Writes the plan down and ends the run there. Where others have to approve it the author signs as such, so that nobody can approve what they
 * made themselves under another name.
 */
export async function writePlan(
  {world, env}: Conducted,
  {app, plan, fleet}: {readonly app: App; readonly plan: RolloutPlan; readonly fleet: FleetReport},
  {out, holdsMs, gapMs, key}: WriteRequest,
): Promise<never> {
  const {review} = app;
  const signs = review !== undefined && review.approvals > 0 && !review.authorMayApprove;
  const signer = signs ? chooseSigningKey(key, env) : undefined;
  const nonce = randomBytes(16).toString('hex');
  const file = await makePlanFile(world, {app, plan, fleet, gapMs, holdsMs, nonce});
  const signature =
    signer === undefined
      ? undefined
      : await signText(approvalText(file), {key: signer, use: 'drover-plan-author', env, signal: world.signal});
  await writeNew(out, renderPlanFile(file));
  if (signature !== undefined) await writeFile(authorSignature(out), signature);
  const shown = showPath(out);
  const wanted = review === undefined || review.approvals === 0 ? [] : [`approve it, ${review.approvals} of you: drover approve ${shown}`];
  const next = [`wrote ${shown}, which holds until ${file.expires}`, ...wanted, `carry it out: drover ${plan.command} --plan ${shown}`];
  const {digest, expires, nonce: _} = file;
  throw new PlanOnly(plan, `${describePlanFile(file)}${next.join('\n')}\n`, {file: out, digest, expires});
}

async function writeNew(out: string, text: string): Promise<void> {
  try {
    await writeFile(out, text, {flag: 'wx'});
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : undefined;
    if (code === undefined) throw error;
    const why = code === 'EEXIST' ? 'is there already' : `cannot be written: ${code}`;
    throw new DroverError({code: 'refused', message: `${showPath(out)} ${why}`, fix: 'name another file'});
  }
}

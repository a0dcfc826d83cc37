import {DroverError} from '../errors/drover-error.js';
import type {ReviewPolicy} from '../inventory/app.js';

/**
 * What a signature is worth. `good`: by the key (its fingerprint) of those principals, over these bytes. `stranger`: by a key that nobody is known
 * by. `other`: over other bytes, as of an older plan. `unreadable`: no signature.
 */
export type Verdict =
  | {readonly kind: 'good'; readonly key: string; readonly principals: readonly string[]}
  | {readonly kind: 'stranger'; readonly key: string}
  | {readonly kind: 'other'}
  | {readonly kind: 'unreadable'; readonly why: string};

/** A signature as a file; `name` is shown. */
export interface SignatureFile {
  readonly name: string;
  readonly verdict: Verdict;
}

type Counted = {readonly who: string; readonly key: string};

/**
 * Who approved a plan, by the policy of the project: different people with different keys, the author among them only where that is allowed. Who made
 * a plan is known by a signature of its own, since a name in a file is only a claim. Throws `refused`, with why each signature did not count.
 */
export function judgeApprovals(
  policy: ReviewPolicy,
  {author, approvals}: {readonly author: SignatureFile | undefined; readonly approvals: readonly SignatureFile[]},
): readonly string[] {
  if (policy.approvals === 0) return [];
  const maker = policy.authorMayApprove ? undefined : expectAuthor(author);
  const counted: Counted[] = [];
  const reasons: string[] = [];
  for (const {name, verdict} of approvals) {
    const why = explainWorthless(verdict);
    if (verdict.kind !== 'good') {
      reasons.push(`${name} ${why}`);
      continue;
    }
    const who = verdict.principals.find((each) => !counted.some((other) => other.who === each)) ?? verdict.principals[0] ?? '';
    if (
      maker !== undefined &&
      (maker.verdict.principals.some((each) => verdict.principals.includes(each)) || maker.verdict.key === verdict.key)
    ) {
      reasons.push(`${name} is by ${who}, who made the plan`);
    } else if (counted.some((other) => other.key === verdict.key || verdict.principals.includes(other.who))) {
      reasons.push(`${name} is by ${who} again`);
    } else counted.push({who, key: verdict.key});
  }
  const names = counted.map(({who}) => who);
  const missing = policy.approvals - counted.length;
  if (missing > 0) refuse(`${policy.approvals} approvals are wanted, and ${describeCount(names)} counted`, reasons);
  if (policy.owners.length > 0 && !policy.owners.some((owner) => names.includes(owner))) {
    refuse(`none of ${policy.owners.join(', ')} approved, but ${names.join(', ')}`, reasons);
  }
  return names;
}

function expectAuthor(author: SignatureFile | undefined): SignatureFile & {readonly verdict: Verdict & {readonly kind: 'good'}} {
  if (author === undefined)
    return refuse('the author has not signed the plan, and may not approve it, so that nobody knows whose approval counts', []);
  const {verdict} = author;
  if (verdict.kind === 'good') return {...author, verdict};
  return refuse(`the author is not known: ${author.name} ${explainWorthless(verdict)}`, []);
}

function explainWorthless(verdict: Verdict): string {
  switch (verdict.kind) {
    case 'good':
      return '';
    case 'stranger':
      return `is by key ${verdict.key}, which may not approve`;
    case 'other':
      return 'is for another plan, or for what this one was before';
    case 'unreadable':
      return `is no signature (${verdict.why})`;
  }
}

function describeCount(names: readonly string[]): string {
  return names.length === 0 ? 'none' : `${names.length} (${names.join(', ')})`;
}

function refuse(message: string, reasons: readonly string[]): never {
  throw new DroverError({
    code: 'refused',
    message: `${message}${reasons.length === 0 ? '' : `: ${reasons.join('; ')}`}`,
    fix: 'have it approved: drover approve FILE',
  });
}

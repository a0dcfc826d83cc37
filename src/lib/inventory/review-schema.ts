import * as z from 'zod';
import type {ReviewPolicy} from './app.js';
import {mapField, textField, wholeField} from './schema-field.js';

/** A name in allowed_signers: one person, no pattern. */
const principal = textField('owner', {description: 'A name in allowed_signers', examples: ['ana@example.com']});

/** Who has to have looked at a plan. What an app says stands before what the project says. */
export const reviewSchema = mapField({
  allowed_signers: textField('allowed_signers', {
    description: 'Keys of those who may approve, as in ALLOWED SIGNERS of ssh-keygen(1); from the folder of this file',
    examples: ['allowed_signers'],
  }).optional(),
  approvals: wholeField('approvals', [0, 20], {description: 'People who must have approved a plan', default: 1}).optional(),
  author_may_approve: z.boolean().meta({description: 'Whether who made the plan counts', default: false}).optional(),
  owners: z.array(principal).meta({description: 'One of them must be among those who approved'}).optional(),
  emergency: z.boolean().meta({description: 'Whether --without-approval is allowed, with a reason', default: false}).optional(),
});

export type ReviewInput = z.output<typeof reviewSchema>;

/** What holds for an app; undefined when neither it nor the project says anything. `place` makes a path absolute. */
export function joinReviews(
  project: ReviewInput | undefined,
  app: ReviewInput | undefined,
  place: (file: string) => string,
): ReviewPolicy | undefined {
  if (project === undefined && app === undefined) return undefined;
  const {
    allowed_signers: file,
    approvals = 1,
    author_may_approve: authorMayApprove = false,
    owners = [],
    emergency = false,
  } = {...project, ...app};
  return {approvals, authorMayApprove, owners, emergency, ...(file === undefined ? {} : {allowedSigners: place(file)})};
}

import {Args, Flags} from '@oclif/core';
import type {Answer} from '../lib/cli/answer.js';
import {BaseCommand} from '../lib/cli/base-command.js';
import {conductApprove} from '../lib/cli/conduct-approve.js';
import {signingFlags} from '../lib/cli/plan-file-flags.js';
import {approvalFlags, projectFlags} from '../lib/cli/shared-flags.js';

export default class Approve extends BaseCommand {
  static override summary = 'Look at a plan file that a colleague made, and sign it';
  static override description =
    `Shows all that the plan says, made from the data whose digest is signed, asks, and signs it with your SSH key by ssh-keygen -Y sign: a key file,
one that the agent holds, or one on a security token. The signature lies beside the plan as FILE.sig-NAME. Changes nothing on any host.

Exit status: 0 signed; 3 it is no plan; 4 it holds no longer, or your signature could not count; 9 it was changed after it was made.`;
  static override examples = ['drover approve plan.json', 'drover approve plan.json --key ~/.ssh/id_ed25519_sk.pub'];
  static override args = {file: Args.string({description: 'the plan file', required: true})};
  static override flags = {
    config: projectFlags.config,
    ...signingFlags,
    as: Flags.string({
      description: 'name of the signature file [default: your name in allowed_signers]',
      helpValue: 'NAME',
      helpGroup: 'REVIEW',
    }),
    ...approvalFlags,
  };

  protected async execute(): Promise<Answer> {
    const {args, flags} = await this.parse(Approve);
    return conductApprove(args.file, flags, this.env);
  }
}

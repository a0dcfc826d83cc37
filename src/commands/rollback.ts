import {Args, Flags} from '@oclif/core';
import type {Answer} from '../lib/cli/answer.js';
import {BaseCommand} from '../lib/cli/base-command.js';
import {conductRollback} from '../lib/cli/conduct-rollback.js';
import {contractFlags} from '../lib/cli/contract-flags.js';
import {embargoFlags} from '../lib/cli/embargo-flags.js';
import {pinFlags} from '../lib/cli/pin-flags.js';
import {planFileFlags} from '../lib/cli/plan-file-flags.js';
import {approvalFlags, fanOutFlags, projectFlags, recordFlags, selectionFlags, waitFlags} from '../lib/cli/shared-flags.js';

export default class Rollback extends BaseCommand {
  static override summary = "Take hosts back to what each one's own journal calls last healthy";
  static override description =
    `Same floors and gates as a deploy, without moving a byte. Only releases that were confirmed healthy on the host itself are gone back
to, after every file of them was verified. Rolling back twice changes nothing. What is left is pinned out: a deploy of it is refused until somebody says
why it may go out again.

Exit status: 0 done; 4 a host has no earlier healthy release; 8 needs attention; 9 the release to go back to is damaged; 130 interrupted.`;
  static override examples = [
    'drover rollback content --all',
    'drover rollback content --all --to 4be1',
    'drover rollback code --silo eu --yes --reason "errors since 10:31"',
  ];
  static override args = {app: Args.string({description: 'the app; may be left out when the project has one'})};
  static override flags = {
    ...projectFlags,
    ...selectionFlags,
    ...fanOutFlags,
    ...recordFlags,
    ...approvalFlags,
    ...embargoFlags,
    ...contractFlags,
    to: Flags.string({description: 'this release instead of the last healthy one', helpValue: 'RELEASE', helpGroup: 'RUN'}),
    ...planFileFlags,
    ...pinFlags,
    takeover: Flags.string({
      description: 'end the leases of this run once the plan is approved, alive as it may be; wants --reason',
      helpValue: 'RUN',
      helpGroup: 'EMERGENCY',
    }),
    ...waitFlags,
  };

  protected async execute(): Promise<Answer> {
    const {args, flags} = await this.parse(Rollback);
    return conductRollback(args.app, flags, this.env);
  }
}

import {Args, Flags} from '@oclif/core';
import type {Answer} from '../../lib/cli/answer.js';
import {BaseCommand} from '../../lib/cli/base-command.js';
import {conductLeaseRelease} from '../../lib/cli/conduct-lease.js';
import {fanOutFlags, projectFlags, recordFlags} from '../../lib/cli/shared-flags.js';

export default class LeaseRelease extends BaseCommand {
  static override summary = 'End the leases of one run, on all hosts that it has';
  static override description =
    `Only the leases of that id, and only as they are now: what was resumed or taken over in between stays. One whose owner is alive ends with --takeover
alone; nothing that owner still sends changes a host then. What the run did stays as it is: resume it, or roll back.

Exit status: 0 ended; 4 no host is leased; 5 it is another lease, or its owner is alive.`;
  static override examples = [
    'drover lease release --id 20261121-093012-7f3a',
    'drover lease release --id 20261121-093012-7f3a --takeover --reason "his laptop is under water"',
  ];
  static override args = {app: Args.string({description: 'only this app'})};
  static override flags = {
    ...projectFlags,
    ...fanOutFlags,
    ...recordFlags,
    id: Flags.string({description: 'the run, as drover lease shows it', helpValue: 'RUN', required: true}),
    takeover: Flags.boolean({description: 'also when the owner is alive; wants --reason', helpGroup: 'EMERGENCY'}),
  };

  protected async execute(): Promise<Answer> {
    const {args, flags} = await this.parse(LeaseRelease);
    return conductLeaseRelease(args.app, flags, this.env);
  }
}

import {Args, Flags} from '@oclif/core';
import type {Answer} from '../lib/cli/answer.js';
import {BaseCommand} from '../lib/cli/base-command.js';
import {conductHealth} from '../lib/cli/conduct-health.js';
import {fanOutFlags, projectFlags, selectionFlags} from '../lib/cli/shared-flags.js';

export default class Health extends BaseCommand {
  static override summary = 'Check hosts: probes, disk, what is live, what is served, and rotation';
  static override description =
    `Works when only SSH reaches the hosts: HTTP and TCP probes go through the SSH connection. Changes nothing and takes no lease. Hosts that
say the same are folded into one row; hosts that serve different releases are version skew.

Exit status: 0 healthy; 10 degraded or down. With --nagios: 0 ok, 1 warning, 2 critical, 3 unknown.`;
  static override examples = ['drover health content --all', 'drover health --silo eu --json', 'drover health --all --nagios'];
  static override args = {app: Args.string({description: 'the app; may be left out when the project has one'})};
  static override flags = {
    ...projectFlags,
    ...selectionFlags,
    ...fanOutFlags,
    nagios: Flags.boolean({
      description: 'one line and the exit status that Nagios and its heirs expect',
      exclusive: ['json'],
      helpGroup: 'OUTPUT',
    }),
  };

  protected async execute(): Promise<Answer> {
    const {args, flags} = await this.parse(Health);
    return conductHealth(args.app, flags, this.env);
  }
}

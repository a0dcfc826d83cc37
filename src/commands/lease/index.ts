import {Args} from '@oclif/core';
import type {Answer} from '../../lib/cli/answer.js';
import {BaseCommand} from '../../lib/cli/base-command.js';
import {conductLease} from '../../lib/cli/conduct-lease.js';
import {fanOutFlags, projectFlags} from '../../lib/cli/shared-flags.js';

export default class Lease extends BaseCommand {
  static override summary = 'Show which runs have which hosts, since when and for how long';
  static override description = `Asks the hosts themselves. A lease that nobody renews runs out by itself after 90 seconds.

Exit status: 0 all hosts answered; 6 some did not.`;
  static override examples = ['drover lease', 'drover lease content --json'];
  static override args = {app: Args.string({description: 'only this app'})};
  static override flags = {...projectFlags, ...fanOutFlags};

  protected async execute(): Promise<Answer> {
    const {args, flags} = await this.parse(Lease);
    return conductLease(args.app, flags, this.env);
  }
}

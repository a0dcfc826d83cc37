import {Args} from '@oclif/core';
import type {Answer} from '../lib/cli/answer.js';
import {BaseCommand} from '../lib/cli/base-command.js';
import {conductStatus} from '../lib/cli/conduct-status.js';
import {fanOutFlags, projectFlags, selectionFlags} from '../lib/cli/shared-flags.js';

export default class Status extends BaseCommand {
  static override summary = 'Show what is live where, who holds leases, and which runs did not end';
  static override description = `Asks the hosts themselves, all of an app's hosts unless a selection is given.

Exit status: 0 all hosts answered; 6 some did not.`;
  static override examples = ['drover status', 'drover status content --silo eu --json'];
  static override args = {app: Args.string({description: 'only this app'})};
  static override flags = {...projectFlags, ...selectionFlags, ...fanOutFlags};

  protected async execute(): Promise<Answer> {
    const {args, flags} = await this.parse(Status);
    return conductStatus(args.app, flags, this.env);
  }
}

import {Args} from '@oclif/core';
import type {Answer} from '../lib/cli/answer.js';
import {BaseCommand} from '../lib/cli/base-command.js';
import {conductShell} from '../lib/cli/conduct-shell.js';
import {projectFlags} from '../lib/cli/shared-flags.js';

export default class Shell extends BaseCommand {
  static override summary = 'Open a shell on one host';
  static override description =
    `By the system's ssh, as every other command logs in there: the same user, address, port, jump host, identity and known or pinned host key, and
never a question for a password. Nothing is forwarded. Needs a terminal.

Exit status: that of the shell; 255 the connection was lost; 2 not one host, or no terminal; 6 the host could not be reached.`;
  static override examples = ['drover shell web03', 'drover shell web03.eu.example.com -i inventory.yml'];
  static override args = {
    host: Args.string({description: 'the host; a set or an expression is fine where it is one host', required: true}),
  };
  static override flags = {...projectFlags};

  protected async execute(): Promise<Answer> {
    const {args, flags} = await this.parse(Shell);
    return conductShell(args.host, flags, this.env);
  }
}

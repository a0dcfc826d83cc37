import {Args, Flags} from '@oclif/core';
import type {Answer} from '../../lib/cli/answer.js';
import {BaseCommand} from '../../lib/cli/base-command.js';
import {describeHosts} from '../../lib/cli/list-hosts.js';
import {projectFlags, selectionFlags} from '../../lib/cli/shared-flags.js';

export default class Hosts extends BaseCommand {
  static override summary = 'Show what the inventory resolves to';
  static override description = `All hosts unless a selection is given. Opens no connection.
With --partitions: what each host holds of an app whose content is shared out, with files and bytes of its newest snapshot; with --fold, who
holds each partition.

Exit status: 0; 2 the selection matches nothing; 3 a file is wrong; 4 the app has no partitions.`;
  static override examples = [
    'drover hosts',
    'drover hosts --silo eu --role web',
    'drover hosts --hosts "web[01-12]!web03" --fold',
    'drover hosts -i inventory.yml --json',
    'drover hosts content --partitions',
  ];
  static override args = {app: Args.string({description: 'with --partitions: the app'})};
  static override flags = {
    ...projectFlags,
    ...selectionFlags,
    partitions: Flags.boolean({description: 'who holds which partition of an app', helpGroup: 'OUTPUT'}),
    fold: Flags.boolean({description: 'one line: the folded host set', helpGroup: 'OUTPUT'}),
  };

  protected async execute(): Promise<Answer> {
    const {args, flags} = await this.parse(Hosts);
    return describeHosts(args.app, flags, this.env);
  }
}

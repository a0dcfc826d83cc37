import {Flags} from '@oclif/core';
import type {Answer} from '../lib/cli/answer.js';
import {BaseCommand} from '../lib/cli/base-command.js';
import {listHosts} from '../lib/cli/list-hosts.js';
import {projectFlags, selectionFlags} from '../lib/cli/shared-flags.js';

export default class Hosts extends BaseCommand {
  static override summary = 'Show what the inventory resolves to';
  static override description = `All hosts unless a selection is given. Opens no connection.

Exit status: 0; 2 the selection matches nothing; 3 the inventory is wrong.`;
  static override examples = [
    'drover hosts',
    'drover hosts --silo eu --role web',
    'drover hosts --hosts "web[01-12]!web03" --fold',
    'drover hosts -i inventory.yml --json',
  ];
  static override flags = {
    ...projectFlags,
    ...selectionFlags,
    fold: Flags.boolean({description: 'one line: the folded host set', helpGroup: 'OUTPUT'}),
  };

  protected async execute(): Promise<Answer> {
    const {flags} = await this.parse(Hosts);
    return listHosts(flags, this.env);
  }
}

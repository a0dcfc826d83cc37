import {Flags} from '@oclif/core';
import type {Answer} from '../lib/cli/answer.js';
import {BaseCommand} from '../lib/cli/base-command.js';
import {listHistory} from '../lib/cli/run-history.js';
import {boundedInteger, projectFlags} from '../lib/cli/shared-flags.js';

export default class History extends BaseCommand {
  static override summary = 'List the runs recorded on this machine, or shared by the team';
  static override examples = ['drover history', 'drover history --limit 100 --json', 'drover history --shared'];
  static override flags = {
    config: projectFlags.config,
    limit: boundedInteger({description: 'at most this many', default: 20, min: 1, max: 100_000}),
    shared: Flags.boolean({description: 'the runs in the bucket of the project, of all its operators'}),
  };

  protected async execute(): Promise<Answer> {
    const {flags} = await this.parse(History);
    return listHistory(flags.limit, this.env, flags.shared ? flags.config : undefined);
  }
}

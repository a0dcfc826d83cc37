import {Args} from '@oclif/core';
import type {Answer} from '../../lib/cli/answer.js';
import {BaseCommand} from '../../lib/cli/base-command.js';
import {projectFlags} from '../../lib/cli/shared-flags.js';
import {listSnapshotsOf} from '../../lib/cli/snapshot-commands.js';

export default class SnapshotList extends BaseCommand {
  static override summary = 'List the snapshots in the store, newest first';
  static override examples = ['drover snapshot list', 'drover snapshot list content --json'];
  static override args = {app: Args.string({description: 'only this app'})};
  static override flags = {...projectFlags};

  protected async execute(): Promise<Answer> {
    const {args, flags} = await this.parse(SnapshotList);
    return listSnapshotsOf(args.app, flags);
  }
}

import {Args} from '@oclif/core';
import type {Answer} from '../../lib/cli/answer.js';
import {BaseCommand} from '../../lib/cli/base-command.js';
import {projectFlags} from '../../lib/cli/shared-flags.js';
import {diffSnapshotsOf} from '../../lib/cli/snapshot-commands.js';

export default class SnapshotDiff extends BaseCommand {
  static override summary = 'Show what differs between two snapshots of an app';
  static override examples = ['drover snapshot diff content 4be1 latest'];
  static override args = {
    app: Args.string({description: 'the app', required: true}),
    before: Args.string({description: 'id, start of an id, or latest', required: true}),
    after: Args.string({description: 'id, start of an id, or latest', default: 'latest'}),
  };
  static override flags = {...projectFlags};

  protected async execute(): Promise<Answer> {
    const {args, flags} = await this.parse(SnapshotDiff);
    return diffSnapshotsOf(args.app, args.before, args.after, flags);
  }
}

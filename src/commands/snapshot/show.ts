import {Args, Flags} from '@oclif/core';
import type {Answer} from '../../lib/cli/answer.js';
import {BaseCommand} from '../../lib/cli/base-command.js';
import {projectFlags} from '../../lib/cli/shared-flags.js';
import {showSnapshotOf} from '../../lib/cli/snapshot-commands.js';

export default class SnapshotShow extends BaseCommand {
  static override summary = 'Show one snapshot';
  static override examples = ['drover snapshot show content latest', 'drover snapshot show content 9c21f0a --files'];
  static override args = {
    app: Args.string({description: 'the app; may be left out when the project has one'}),
    snapshot: Args.string({description: 'id, start of an id, or latest'}),
  };
  static override flags = {...projectFlags, files: Flags.boolean({description: 'list every path, and which source it came from'})};

  protected async execute(): Promise<Answer> {
    const {args, flags} = await this.parse(SnapshotShow);
    return showSnapshotOf(args.app, args.snapshot, flags);
  }
}

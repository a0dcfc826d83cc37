import {Args} from '@oclif/core';
import type {Answer} from '../../lib/cli/answer.js';
import {BaseCommand} from '../../lib/cli/base-command.js';
import {projectFlags} from '../../lib/cli/shared-flags.js';
import {verifySnapshotsOf} from '../../lib/cli/snapshot-commands.js';

export default class SnapshotVerify extends BaseCommand {
  static override summary = 'Read every stored object again and compare its digest';
  static override description =
    'Without arguments the whole store. What is damaged is named and put aside.\n\nExit status: 0 whole; 9 damaged.';
  static override examples = ['drover snapshot verify', 'drover snapshot verify content latest'];
  static override args = {
    app: Args.string({description: 'only this app'}),
    snapshot: Args.string({description: 'id, start of an id, or latest'}),
  };
  static override flags = {...projectFlags};

  protected async execute(): Promise<Answer> {
    const {args, flags} = await this.parse(SnapshotVerify);
    return verifySnapshotsOf(args.app, args.snapshot, flags);
  }
}

import {Args, Flags} from '@oclif/core';
import type {Answer} from '../../lib/cli/answer.js';
import {BaseCommand} from '../../lib/cli/base-command.js';
import {projectFlags} from '../../lib/cli/shared-flags.js';
import {verifySnapshotsOf} from '../../lib/cli/snapshot-commands.js';

export default class SnapshotVerify extends BaseCommand {
  static override summary = 'Read every stored object again and compare its digest';
  static override description =
    `Without arguments the whole store. What is damaged is named and put aside. With --repair it is brought back from the apps' source
directories, or from --source, wherever a file there has the same digest, under whatever name; what is in none of them is named as lost.
A manifest that is lost comes back with the next snapshot of the same tree. In a bucket nothing is put aside without --repair, which also takes
what lies on this machine, and marks bad copies so that nobody reads them and the next snapshot brings them anew.

Exit status: 0 whole, or whole again; 3 --source is no directory; 9 damage remains.`;
  static override examples = [
    'drover snapshot verify',
    'drover snapshot verify content latest',
    'drover snapshot verify --repair --source /srv/backup/content',
  ];
  static override args = {
    app: Args.string({description: 'only this app'}),
    snapshot: Args.string({description: 'id, start of an id, or latest'}),
  };
  static override flags = {
    ...projectFlags,
    repair: Flags.boolean({description: 'bring back what is damaged or missing'}),
    source: Flags.string({
      description: "look in this tree instead of the apps' sources; may be repeated",
      multiple: true,
      helpValue: 'DIR',
    }),
  };

  protected async execute(): Promise<Answer> {
    const {args, flags} = await this.parse(SnapshotVerify);
    return verifySnapshotsOf(args.app, args.snapshot, flags);
  }
}

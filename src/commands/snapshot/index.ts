import {Args, Flags} from '@oclif/core';
import type {Answer} from '../../lib/cli/answer.js';
import {BaseCommand} from '../../lib/cli/base-command.js';
import {labelFlags, readLabels} from '../../lib/cli/label-flags.js';
import {projectFlags} from '../../lib/cli/shared-flags.js';
import {takeSnapshotOf} from '../../lib/cli/snapshot-commands.js';

export default class Snapshot extends BaseCommand {
  static override summary = "Take an immutable, content-addressed picture of an app's source tree";
  static override description =
    `Prints the id: the digest of the canonical manifest. The same tree gives the same id on any machine. Refuses, by name, what could not be
reproduced on a host; names what looks like a secret. A file that changes while it is read is read again, never torn.

Exit status: 0 taken; 3 the tree cannot be reproduced; 4 --strict found something.`;
  static override examples = [
    'drover snapshot',
    'drover snapshot content --label build=1234',
    'ID=$(drover snapshot code) && drover deploy code $ID --all --yes',
  ];
  static override args = {app: Args.string({description: 'the app; may be left out when the project has one'})};
  static override flags = {
    ...projectFlags,
    ...labelFlags,
    source: Flags.string({description: "this tree instead of the app's source"}),
    'allow-empty': Flags.boolean({description: 'an empty tree is meant'}),
    strict: Flags.boolean({description: 'refuse what is otherwise a warning'}),
  };

  protected async execute(): Promise<Answer> {
    const {args, flags} = await this.parse(Snapshot);
    return takeSnapshotOf(args.app, {...flags, labels: readLabels(flags.label)});
  }
}

import {Args, Flags} from '@oclif/core';
import type {Answer} from '../../lib/cli/answer.js';
import {BaseCommand} from '../../lib/cli/base-command.js';
import {labelFlags, readLabels} from '../../lib/cli/label-flags.js';
import {noteFlags} from '../../lib/cli/note-flags.js';
import {projectFlags} from '../../lib/cli/shared-flags.js';
import {takeSnapshotOf} from '../../lib/cli/snapshot-commands.js';

export default class Snapshot extends BaseCommand {
  static override summary = "Take an immutable, content-addressed picture of an app's source tree";
  static override description =
    `Prints the id: the digest of the canonical manifest. The same tree gives the same id on any machine. Refuses, by name, what could not be
reproduced on a host; names what looks like a secret. A file that changes while it is read is read again, never torn.

The tree is what drover.yml says: a folder, a git revision, the output of a command, an archive, or several of these merged. Archives may hold
files, folders and links inside the tree, and nothing else. When a command or an archive fails nothing is stored.

Exit status: 0 taken; 3 the tree cannot be reproduced; 4 it differs too much from the last one, or --strict found something.`;
  static override examples = [
    'drover snapshot',
    'drover snapshot content --label build=1234 --note "spring sale" --embargo-until 2027-03-01T09:00+01:00',
    'tar -C dist -c . | drover snapshot code --from-tar -',
    'ID=$(drover snapshot code) && drover deploy code $ID --all --yes',
  ];
  static override args = {app: Args.string({description: 'the app; may be left out when the project has one'})};
  static override flags = {
    ...projectFlags,
    ...labelFlags,
    ...noteFlags,
    source: Flags.string({description: "this tree instead of the app's source"}),
    'from-tar': Flags.string({description: "this archive, or - for standard input, instead of the app's source", helpValue: 'FILE'}),
    'allow-empty': Flags.boolean({description: 'an empty tree is meant'}),
    'size-changed': Flags.boolean({description: 'a change of more than half, and of 20 files or 1 MiB, since the last one is meant'}),
    strict: Flags.boolean({description: 'refuse what is otherwise a warning'}),
  };

  protected async execute(): Promise<Answer> {
    const {args, flags} = await this.parse(Snapshot);
    return takeSnapshotOf(args.app, {...flags, labels: readLabels(flags.label)}, this.env);
  }
}

import {Args, Flags} from '@oclif/core';
import type {Answer} from '../lib/cli/answer.js';
import {BaseCommand} from '../lib/cli/base-command.js';
import {conductPrune} from '../lib/cli/conduct-prune.js';
import {boundedInteger, fanOutFlags, projectFlags, recordFlags} from '../lib/cli/shared-flags.js';

export default class Prune extends BaseCommand {
  static override summary = 'Remove old snapshots from the store, but none that a host may need';
  static override description =
    `A snapshot stays when any rule keeps it: the newest of each app, younger than some days, with a label, under embargo. Every host of the apps is
asked first, and what it holds stays too: live, earlier and staged releases, and those of unfinished runs. A host that does not answer is
a refusal, unless it is named with a reason. Snapshots of apps that the project does not know stay. Killed at any point, the store is whole.

In a bucket nobody saves while it is pruned: a save waits up to 2 minutes, and prune refuses while somebody saves. What no record names stays for a
day; deltas that are older go, and are built again when they are wanted; so do uploads that were killed. A pack of which something is needed stays as it
is. Journals of runs stay. Hosts of other inventories are not asked: give each its own prefix. What lies on this machine is pruned by the same rules.

Exit status: 0 pruned; 4 a host could not be asked, or somebody is saving; 9 a manifest that stays is damaged; 130 interrupted.`;
  static override examples = [
    'drover prune --keep 20 --dry-run',
    'drover prune content --keep 5 --keep-days 30 --keep-label milestone',
    'drover prune --without-hosts web3.example.com --reason "scrapped"',
  ];
  static override args = {app: Args.string({description: 'only this app'})};
  static override flags = {
    ...projectFlags,
    ...fanOutFlags,
    ...recordFlags,
    keep: boundedInteger({description: 'the newest of each app that stay', default: 10, min: 1, max: 1_000_000}),
    'keep-days': boundedInteger({description: 'what is younger stays', min: 1, max: 36_500}),
    'keep-label': Flags.string({
      description: 'what has this label stays; may be repeated',
      multiple: true,
      helpValue: 'NAME[=VALUE]',
      default: [],
    }),
    'without-hosts': Flags.string({
      description: 'these need not answer, separated by commas; wants --reason',
      helpValue: 'HOST,…',
      helpGroup: 'EMERGENCY',
    }),
    'dry-run': Flags.boolean({description: 'say what would go and how much that frees; remove nothing'}),
  };

  protected async execute(): Promise<Answer> {
    const {args, flags} = await this.parse(Prune);
    return conductPrune(args.app, flags, this.env);
  }
}

import {Args} from '@oclif/core';
import type {Answer} from '../lib/cli/answer.js';
import {BaseCommand} from '../lib/cli/base-command.js';
import {conductRun} from '../lib/cli/conduct-run.js';
import {chooseAppAndSnapshot, chooseHosts, loadBoth} from '../lib/cli/load-project.js';
import {openStore} from '../lib/cli/open-store.js';
import {dryRunFlags, fanOutFlags, projectFlags, recordFlags, selectionFlags} from '../lib/cli/shared-flags.js';
import {adjustApp, transferFlags} from '../lib/cli/transfer-flags.js';
import {sendVia, viaFlag} from '../lib/cli/via-flag.js';
import {pushApp} from '../lib/operations/push-app.js';

export default class Push extends BaseCommand {
  static override summary = 'Stage a snapshot on hosts, beside what is served';
  static override description =
    `Builds one delta for each release that hosts start from, streams it to all of them, verifies every file there and makes it a
release with one rename. What is served does not change. A push that was cut continues where it stopped.

Exit status: 0 all hosts have it; 6 none could be reached; 8 some failed; 130 interrupted.`;
  static override examples = [
    'drover push content --all',
    'drover push content 9c21f0a --silo eu',
    'drover push --hosts "web[01-12]" --concurrency 12',
    'drover push content --all --rate host=20M,run=200M',
    'drover push content --all --via store',
    'drover push content --all --via relay',
  ];
  static override args = {
    app: Args.string({description: 'the app; may be left out when the project has one'}),
    snapshot: Args.string({description: 'id, start of an id, or latest', default: undefined}),
  };
  static override flags = {
    ...projectFlags,
    ...selectionFlags,
    ...fanOutFlags,
    ...recordFlags,
    ...transferFlags,
    ...dryRunFlags,
    via: viaFlag,
  };

  protected async execute(): Promise<Answer> {
    const {args, flags} = await this.parse(Push);
    const {project, inventory} = await loadBoth(flags, this.env, AbortSignal.timeout(60_000));
    const {app: named, snapshot = 'latest'} = chooseAppAndSnapshot(project, args.app, args.snapshot);
    const app = sendVia(adjustApp(named, flags), flags.via, project);
    const hosts = chooseHosts(inventory, flags, app);
    const store = openStore(project);
    return conductRun({
      command: 'push',
      project,
      inventory,
      flags,
      env: this.env,
      work: ({world}) => pushApp(world, {app, store, snapshot, hosts}),
    });
  }
}

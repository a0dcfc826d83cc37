import {Args, Flags} from '@oclif/core';
import type {Answer} from '../lib/cli/answer.js';
import {approvePlan} from '../lib/cli/approve-plan.js';
import {BaseCommand} from '../lib/cli/base-command.js';
import {conductRun} from '../lib/cli/conduct-run.js';
import {embargoFlags, readEmbargoFlag} from '../lib/cli/embargo-flags.js';
import {chooseApp, chooseHosts, loadBoth} from '../lib/cli/load-project.js';
import {openStore} from '../lib/cli/open-store.js';
import {readReleasePrefix} from '../lib/cli/release-prefix.js';
import {approvalFlags, fanOutFlags, projectFlags, selectionFlags} from '../lib/cli/shared-flags.js';
import {openAppBalancer} from '../lib/operations/app-balancer.js';
import {rollbackApp} from '../lib/operations/rollback-app.js';

export default class Rollback extends BaseCommand {
  static override summary = "Take hosts back to what each one's own journal calls last healthy";
  static override description =
    `Same floors and gates as a deploy, without moving a byte. Only releases that were confirmed healthy on the host itself are gone back
to, after every file of them was verified. Rolling back twice changes nothing.

Exit status: 0 done; 4 a host has no earlier healthy release; 8 needs attention; 9 the release to go back to is damaged; 130 interrupted.`;
  static override examples = [
    'drover rollback content --all',
    'drover rollback content --all --to 4be1',
    'drover rollback code --silo eu --yes --reason "errors since 10:31"',
  ];
  static override args = {app: Args.string({description: 'the app; may be left out when the project has one'})};
  static override flags = {
    ...projectFlags,
    ...selectionFlags,
    ...fanOutFlags,
    ...approvalFlags,
    ...embargoFlags,
    to: Flags.string({description: 'this release instead of the last healthy one', helpValue: 'RELEASE', helpGroup: 'RUN'}),
    'plan-only': Flags.boolean({description: 'show the plan and its digest, change nothing', helpGroup: 'RUN'}),
    plan: Flags.string({description: 'go on only if the plan has this digest', helpValue: 'DIGEST', helpGroup: 'RUN'}),
  };

  protected async execute(): Promise<Answer> {
    const {args, flags} = await this.parse(Rollback);
    const to = readReleasePrefix(flags.to);
    const ignoreEmbargo = readEmbargoFlag(flags);
    const {project, inventory} = await loadBoth(flags, this.env, AbortSignal.timeout(60_000));
    const app = chooseApp(project, args.app);
    const hosts = chooseHosts(inventory, flags, app);
    return conductRun({
      command: 'rollback',
      project,
      inventory,
      flags,
      env: this.env,
      quietUntilApproved: !flags.yes,
      work: (conducted) =>
        rollbackApp(conducted.world, {
          app,
          to,
          openStore: () => openStore(project),
          ignoreEmbargo,
          hosts,
          balancer: openAppBalancer(conducted.world, app),
          approve: approvePlan(conducted, app, {yes: flags.yes, planOnly: flags['plan-only'], digest: flags.plan}),
        }),
    });
  }
}

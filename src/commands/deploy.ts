import {Args, Flags} from '@oclif/core';
import type {Answer} from '../lib/cli/answer.js';
import {approvePlan} from '../lib/cli/approve-plan.js';
import {BaseCommand} from '../lib/cli/base-command.js';
import {conductRun} from '../lib/cli/conduct-run.js';
import {embargoFlags, readEmbargoFlag} from '../lib/cli/embargo-flags.js';
import {chooseAppAndSnapshot, chooseHosts, loadBoth} from '../lib/cli/load-project.js';
import {openStore} from '../lib/cli/open-store.js';
import {approvalFlags, fanOutFlags, projectFlags, selectionFlags} from '../lib/cli/shared-flags.js';
import {readSkips, skipFlags} from '../lib/cli/skip-flags.js';
import {readTimeFlags, timeFlags} from '../lib/cli/time-flags.js';
import {adjustApp, transferFlags} from '../lib/cli/transfer-flags.js';
import {openAppBalancer} from '../lib/operations/app-balancer.js';
import {deployApp} from '../lib/operations/deploy-app.js';

export default class Deploy extends BaseCommand {
  static override summary = 'Bring hosts to a snapshot, wave by wave, while the site stays online';
  static override description =
    `Reads what every host serves, shows the plan, stages what is missing, and goes silo by silo, canary first. Each host: lease, drain,
switch, restart, health, warm, admit, confirm. Never fewer hosts in rotation than the floor. A release that fails a gate is taken back from
every host of this run. Hosts that have it already are left alone.

With --at everything is prepared first, and then all hosts of a wave switch at one time, each by its own clock, within a second of one
another: the first waves of all silos at that time, later ones --wave-gap after each other. It is refused when a clock is off or a host cannot be
prepared. Without drain and restart a switch takes nobody out of rotation, which suits content; with them a wave must fit the floor as a whole.

Exit status: 0 every host converged; 4 refused; 5 leased by another run; 6 unreachable; 7 failed and rolled back clean; 8 failed, needs
attention; 130 interrupted, resumable.`;
  static override examples = [
    'drover deploy content --all',
    'drover deploy content --all --plan-only',
    'drover deploy content --all --at 2027-01-01T00:00:00Z --wave-gap 0s',
    'drover deploy code 9c21f0a --silo eu --yes --reason "fix checkout"',
  ];
  static override args = {
    app: Args.string({description: 'the app; may be left out when the project has one'}),
    snapshot: Args.string({description: 'id, start of an id, or latest', default: undefined}),
  };
  static override flags = {
    ...projectFlags,
    ...selectionFlags,
    ...fanOutFlags,
    ...transferFlags,
    ...approvalFlags,
    ...skipFlags,
    ...embargoFlags,
    ...timeFlags,
    'plan-only': Flags.boolean({description: 'show the plan and its digest, change nothing', helpGroup: 'RUN'}),
    plan: Flags.string({description: 'go on only if the plan has this digest', helpValue: 'DIGEST', helpGroup: 'RUN'}),
  };

  protected async execute(): Promise<Answer> {
    const {args, flags} = await this.parse(Deploy);
    const skip = readSkips(flags);
    const ignoreEmbargo = readEmbargoFlag(flags);
    const at = readTimeFlags(flags);
    const {project, inventory} = await loadBoth(flags, this.env, AbortSignal.timeout(60_000));
    const {app: named, snapshot = 'latest'} = chooseAppAndSnapshot(project, args.app, args.snapshot);
    const app = adjustApp(named, flags);
    const hosts = chooseHosts(inventory, flags, app);
    const store = openStore(project);
    return conductRun({
      command: 'deploy',
      project,
      inventory,
      flags,
      env: this.env,
      quietUntilApproved: !flags.yes,
      work: (conducted) =>
        deployApp(conducted.world, {
          app,
          store,
          snapshot,
          hosts,
          skip,
          ignoreEmbargo,
          ...(at === undefined ? {} : {at}),
          balancer: openAppBalancer(conducted.world, app),
          approve: approvePlan(conducted, app, {yes: flags.yes, planOnly: flags['plan-only'], digest: flags.plan}),
        }),
    });
  }
}

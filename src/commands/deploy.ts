import {Args, Flags} from '@oclif/core';
import type {Answer} from '../lib/cli/answer.js';
import {BaseCommand} from '../lib/cli/base-command.js';
import {conductDeploy} from '../lib/cli/conduct-deploy.js';
import {contractFlags} from '../lib/cli/contract-flags.js';
import {embargoFlags} from '../lib/cli/embargo-flags.js';
import {pinFlags} from '../lib/cli/pin-flags.js';
import {planFileFlags} from '../lib/cli/plan-file-flags.js';
import {approvalFlags, fanOutFlags, projectFlags, recordFlags, selectionFlags, waitFlags} from '../lib/cli/shared-flags.js';
import {skipFlags} from '../lib/cli/skip-flags.js';
import {timeFlags} from '../lib/cli/time-flags.js';
import {transferFlags} from '../lib/cli/transfer-flags.js';

export default class Deploy extends BaseCommand {
  static override summary = 'Bring hosts to a snapshot, wave by wave, while the site stays online';
  static override description =
    `Reads what every host serves, shows the plan, stages what is missing, and goes silo by silo, canary first. Each host: lease, drain,
switch, restart, health, warm, admit, confirm. Never fewer hosts in rotation than the floor. A release that fails a gate is taken back from
every host of this run. Hosts that have it already are left alone.

With --at everything is prepared first, and then all hosts of a wave switch at one time, each by its own clock, within a second of one
another: the first waves of all silos at that time, later ones --wave-gap after each other. It is refused when a clock is off or a host cannot be
prepared. Without drain and restart a switch takes nobody out of rotation, which suits content; with them a wave must fit the floor as a whole.

With --plan-out the plan is written to a file and nothing is changed: colleagues sign it (drover approve), and --plan FILE carries it out, as long as
every host is what it was. Where drover.yml asks for approvals (review:) there is no other way, but --without-approval where it allows that.
What was taken back from a host before is refused until --allow-pinned says why it may go out again.

Exit status: 0 every host converged; 4 refused; 5 leased by another run; 6 unreachable; 7 failed and rolled back clean; 8 failed, needs
attention; 130 interrupted, resumable.`;
  static override examples = [
    'drover deploy content --all',
    'drover deploy content --all --plan-only',
    'drover deploy content --all --at 2027-01-01T00:00:00Z --wave-gap 0s',
    'drover deploy code 9c21f0a --silo eu --yes --reason "fix checkout"',
    'drover deploy code --all --plan-out plan.json --expires 4h',
    'drover deploy --plan plan.json --wait-lease 5m',
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
    ...approvalFlags,
    ...skipFlags,
    ...embargoFlags,
    ...pinFlags,
    'without-approval': Flags.boolean({
      description: 'deploy what others had to approve; only where review.emergency allows it; wants --reason',
      helpGroup: 'EMERGENCY',
    }),
    ...contractFlags,
    ...timeFlags,
    ...planFileFlags,
    ...waitFlags,
  };

  protected async execute(): Promise<Answer> {
    const {args, flags} = await this.parse(Deploy);
    return conductDeploy(args, flags, this.env, this.argv);
  }
}

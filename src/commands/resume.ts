import {Args, Flags} from '@oclif/core';
import type {Answer} from '../lib/cli/answer.js';
import {approvePlan} from '../lib/cli/approve-plan.js';
import {BaseCommand} from '../lib/cli/base-command.js';
import {conductRun} from '../lib/cli/conduct-run.js';
import {loadBoth} from '../lib/cli/load-project.js';
import {openStore} from '../lib/cli/open-store.js';
import {pinFlags, readPinFlag} from '../lib/cli/pin-flags.js';
import {approvalFlags, fanOutFlags, projectFlags, recordFlags, waitFlags} from '../lib/cli/shared-flags.js';
import {adjustProject, transferFlags} from '../lib/cli/transfer-flags.js';
import {openAppBalancer} from '../lib/operations/app-balancer.js';
import type {OnceDecisions} from '../lib/operations/once-rest.js';
import {resumeRun} from '../lib/operations/resume-run.js';

export default class Resume extends BaseCommand {
  static override summary = 'Continue a run that did not end, from any machine';
  static override description =
    `Everything it needs is on the hosts: their plan, their journals, what they serve. The machine that began the run is not needed, and
if it is still alive its epoch fences it off. Without RUN the newest unfinished run is continued. A run that had turned back goes on back.

Exit status: as of the run that is continued; 4 there is nothing to resume.`;
  static override examples = ['drover resume', 'drover resume 20261121-093012-7f3a --yes'];
  static override args = {run: Args.string({description: 'the run, as printed when it ended and by drover status'})};
  static override flags = {
    ...projectFlags,
    ...fanOutFlags,
    ...recordFlags,
    ...transferFlags,
    ...approvalFlags,
    ...pinFlags,
    ...waitFlags,
    'once-done': Flags.option({
      options: ['before', 'after'] as const,
      description: 'this once task, of which no host can tell how it ended, has done its work',
      helpGroup: 'RUN',
    })(),
    'once-again': Flags.option({
      options: ['before', 'after'] as const,
      description: 'begin this once task anew, whatever it did before',
      helpGroup: 'RUN',
      exclusive: ['once-done'],
    })(),
  };

  protected async execute(): Promise<Answer> {
    const {args, flags} = await this.parse(Resume);
    const allowPinned = readPinFlag(flags);
    const {project: written, inventory} = await loadBoth(flags, this.env, AbortSignal.timeout(60_000));
    const project = adjustProject(written, flags);
    return conductRun({
      command: 'resume',
      project,
      inventory,
      flags: {...flags, reason: flags.reason === '' ? (allowPinned ?? '') : flags.reason},
      env: this.env,
      quietUntilApproved: !flags.yes,
      work: (conducted) =>
        resumeRun(conducted.world, {
          project,
          run: args.run,
          once: readDecisions(flags),
          openStore: async () => openStore(project),
          openBalancer: (app) => openAppBalancer(conducted.world, app),
          allowPinned,
          waitLeaseMs: flags['wait-lease'] ?? 0,
          approve: (plan, app, fleet) => approvePlan(conducted, app, {yes: flags.yes, planOnly: false})(plan, fleet),
        }),
    });
  }
}

function readDecisions(flags: {
  readonly 'once-done'?: OnceDecisions['done'] | undefined;
  readonly 'once-again'?: OnceDecisions['again'] | undefined;
}): OnceDecisions {
  const {'once-done': done, 'once-again': again} = flags;
  return {...(done === undefined ? {} : {done}), ...(again === undefined ? {} : {again})};
}

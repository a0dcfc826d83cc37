import {Args} from '@oclif/core';
import type {Answer} from '../../lib/cli/answer.js';
import {BaseCommand} from '../../lib/cli/base-command.js';
import {conductRunbookCheck} from '../../lib/cli/conduct-runbook.js';

export default class RunbookCheck extends BaseCommand {
  static override summary = 'Check that the drover commands in Markdown runbooks are right for this version';
  static override description =
    `Every drover command in code blocks, sessions with prompts and code within sentences is parsed as this version would parse its command line: commands,
flags, their values and how many words there are. None is run, and neither a project nor an inventory is read. $RUN, <run> and RUN stand for what the reader fills in. In a
sentence a command may be named without what it needs besides, and so may one that ends in … or ....

Exit status: 0 all are right; 3 some are not, each with its place.`;
  static override examples = ['drover runbook check README.md docs/*.md'];
  static override strict = false;
  static override args = {file: Args.string({description: 'Markdown files'})};

  protected async execute(): Promise<Answer> {
    const {argv} = await this.parse(RunbookCheck);
    return conductRunbookCheck(argv as string[], this.config, AbortSignal.timeout(60_000));
  }
}

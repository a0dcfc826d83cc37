import {Args, Flags} from '@oclif/core';
import type {Answer} from '../lib/cli/answer.js';
import {BaseCommand} from '../lib/cli/base-command.js';
import {reportRun} from '../lib/cli/run-history.js';

export default class Report extends BaseCommand {
  static override summary = 'Show a run again: as text, as JSON, or as an HTML timeline';
  static override examples = ['drover report 20261121-093012-7f3a', 'drover report 20261121-093012-7f3a --html run.html'];
  static override args = {run: Args.string({description: 'the run, or the start of its id', required: true})};
  static override flags = {html: Flags.string({description: 'write the timeline to this file', helpValue: 'FILE'})};

  protected async execute(): Promise<Answer> {
    const {args, flags} = await this.parse(Report);
    return reportRun(args.run, flags.html, this.env);
  }
}

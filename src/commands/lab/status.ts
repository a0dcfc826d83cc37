import {Flags} from '@oclif/core';
import type {Answer} from '../../lib/cli/answer.js';
import {BaseCommand} from '../../lib/cli/base-command.js';
import {labDirectory, showLab} from '../../lib/cli/lab-answers.js';

export default class LabStatus extends BaseCommand {
  static override summary = 'Show the practice fleet';
  static override examples = ['drover lab status --json'];
  static override flags = {dir: Flags.string({description: 'where its files lie', helpValue: 'DIR'})};

  protected async execute(): Promise<Answer> {
    const {flags} = await this.parse(LabStatus);
    return showLab(labDirectory(flags.dir, this.env));
  }
}

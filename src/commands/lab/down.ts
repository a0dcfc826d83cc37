import {Flags} from '@oclif/core';
import type {Answer} from '../../lib/cli/answer.js';
import {BaseCommand} from '../../lib/cli/base-command.js';
import {labDirectory, takeLabDown} from '../../lib/cli/lab-answers.js';

export default class LabDown extends BaseCommand {
  static override summary = 'End the practice fleet';
  static override examples = ['drover lab down'];
  static override flags = {dir: Flags.string({description: 'where its files lie', helpValue: 'DIR'})};

  protected async execute(): Promise<Answer> {
    const {flags} = await this.parse(LabDown);
    return takeLabDown(labDirectory(flags.dir, this.env));
  }
}

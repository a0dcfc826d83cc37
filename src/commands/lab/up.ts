import {Flags} from '@oclif/core';
import type {Answer} from '../../lib/cli/answer.js';
import {BaseCommand} from '../../lib/cli/base-command.js';
import {bringLabUp, labDirectory} from '../../lib/cli/lab-answers.js';
import {boundedInteger} from '../../lib/cli/shared-flags.js';

export default class LabUp extends BaseCommand {
  static override summary = 'Start the practice fleet in the background';
  static override examples = ['drover lab up', 'drover lab up --hosts 12 --dir ./lab'];
  static override flags = {
    dir: Flags.string({description: 'where its files lie', helpValue: 'DIR'}),
    hosts: boundedInteger({description: 'web hosts, in 2 silos', default: 6, min: 2, max: 200}),
  };

  protected async execute(): Promise<Answer> {
    const {flags} = await this.parse(LabUp);
    return bringLabUp(labDirectory(flags.dir, this.env), flags.hosts);
  }
}

import {Flags} from '@oclif/core';
import type {Answer} from '../../lib/cli/answer.js';
import {BaseCommand} from '../../lib/cli/base-command.js';
import {labDirectory, serveLabUntilDown} from '../../lib/cli/lab-answers.js';
import {boundedInteger} from '../../lib/cli/shared-flags.js';

export default class LabServe extends BaseCommand {
  static override summary = 'The practice fleet in the foreground, until Ctrl-C';
  static override hidden = true;
  static override flags = {
    dir: Flags.string({description: 'where its files lie', helpValue: 'DIR'}),
    hosts: boundedInteger({description: 'web hosts, in 2 silos', default: 6, min: 2, max: 200}),
  };

  protected async execute(): Promise<Answer> {
    const {flags} = await this.parse(LabServe);
    return serveLabUntilDown(labDirectory(flags.dir, this.env), flags.hosts);
  }
}

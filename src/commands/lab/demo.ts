import type {Answer} from '../../lib/cli/answer.js';
import {BaseCommand} from '../../lib/cli/base-command.js';
import {playDemo} from '../../lib/cli/lab-demo.js';
import {boundedInteger} from '../../lib/cli/shared-flags.js';

export default class LabDemo extends BaseCommand {
  static override summary = 'The main job in about a minute, on a practice fleet of this machine';
  static override description = 'Exit status: 0 everything went as told and no visitor saw an error; 1 otherwise.';
  static override examples = ['drover lab demo'];
  static override flags = {hosts: boundedInteger({description: 'web hosts, in 2 silos', default: 6, min: 2, max: 60})};

  protected async execute(): Promise<Answer> {
    const {flags} = await this.parse(LabDemo);
    return playDemo(flags.hosts, this.env);
  }
}
